"""The program of the stall watch, run by its path with the number of a file as its argument; `stalls` starts it.

It naps, then does a little work, over and over: a nap that ends late and work that takes longer than its processor
time are moments in which this machine had no processor for us. A program that only sleeps would not see most of them,
since a scheduler prefers it to those that are busy. The file holds two doubles: how many rounds there were, and the
seconds that they stood still in all. It ends when its standard input does.

Nothing but the standard library is imported, so that it starts at once and is small.
"""

from __future__ import annotations

import mmap
import select
import sys
import time
from collections.abc import Callable

NAP = 0.03
WORK = 0.0015
"""Seconds of processor a round: together a twentieth of a core."""
USUAL = 0.005
"""Seconds too late that even an idle machine wakes a program now and then."""
SIZE = 16
"""Bytes of the shared file."""

Clock = Callable[[], float]


def stood_still(nap: Callable[[float], object], clock: Clock, processor: Clock) -> float:
    """Nap and work once; return for how many seconds this machine had no processor for it."""
    began = clock()
    nap(NAP)
    awake, worked = clock(), processor()
    while processor() - worked < WORK:
        pass
    late = awake - began - NAP
    lost = (clock() - awake) - (processor() - worked)
    return (late if late > USUAL else 0.0) + max(lost, 0.0)


def watch(descriptor: int) -> None:
    """Add up in the shared file until standard input ends."""

    def nap(seconds: float) -> None:
        if select.select([sys.stdin], [], [], seconds)[0]:
            sys.exit()

    with memoryview(mmap.mmap(descriptor, SIZE)).cast("d") as told:
        while True:
            told[1] += stood_still(nap, time.monotonic, time.thread_time)
            told[0] += 1


if __name__ == "__main__":
    watch(int(sys.argv[1]))
