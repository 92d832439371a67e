"""Whether a time limit was missed by the submission, or by a machine that had no processor to spare.

A small program beside the grader naps and works, over and over, and adds up by how much both took too long
(`stall_watch`). Whoever judges a time watches it that way, and a limit that was missed by no more than such stalls
explain is no failure::

    with Stalls() as stalls:
        exchange = service.send(request, deadline=8.0)
    stalls.expect_within(exchange.seconds, 3.5, "POST /v1/orders took …", exchange=exchange)

A submission cannot make stalls to be excused by. The watch is a process of its own, so an answer that is costly to read
does not hold it up. Burning processor does not either: a pod's service has at most its own cores (`cpus`, enforced by
the engine), and the system shares what is left fairly. Sixteen busy processes in a service with one core, on a machine
with two, made stalls of 2 % of the time. Only on a machine of a single core would it be more.
"""

from __future__ import annotations

import atexit
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from assesskit.checks import stall_watch
from assesskit.checks.expect import Inconclusive, expect
from assesskit.errors import GraderError

if TYPE_CHECKING:
    from assesskit.checks.exchange import Exchange

SHARE = 2.0
"""A service needs the processor more often than the watch: it may be late by so many stalls."""
LONG = 1.0
"""Seconds of lateness: where stalls explain more, time limits that a service sets itself may have passed."""
LONGEST_ROUND = 1.0
"""Seconds for which the end of a round is awaited."""
SHORT = 0.2
"""Seconds. No limit is that short, so what took no longer needs no excuse, and the end of its round is not awaited."""


class Watch(Protocol):
    """Adds up stalls, from some moment on."""

    def seconds(self) -> float:
        """For how many seconds this machine stood still so far."""

    def settle(self) -> None:
        """Wait until what goes on now is added."""


class Stalls:
    """The seconds for which this machine stood still, from the moment it is entered until it is left."""

    def __init__(self, watch: Watch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._watch = watch
        self._clock = clock
        self._began = self._before = 0.0
        self._total: float | None = None

    def __enter__(self) -> Self:
        self._watch = self._watch or _running()
        self._before = self._watch.seconds()
        self._began = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None and self._clock() - self._began > SHORT:
            self._watch.settle()
        self._total = self.seconds

    @property
    def seconds(self) -> float:
        """For how long it stood still; none before it was entered."""
        if self._total is not None:
            return self._total
        return self._watch.seconds() - self._before if self._watch else 0.0

    @property
    def explained(self) -> float:
        """Seconds of lateness that may be the machine's."""
        return SHARE * self.seconds

    def within(self, seconds: float) -> bool:
        """Whether it is less than `seconds` ago that the watch began; what stalls explain is granted on top, up to as
        many again. Whoever waits for something asks this before giving up.
        """
        return self._clock() - self._began <= seconds + min(self.explained, seconds)

    def expect_within(
        self, seconds: float, limit: float, summary: str, *, expected: str = "", exchange: Exchange | None = None
    ) -> None:
        """`seconds` are at most `limit`. Raises Failure, or Inconclusive when the stalls explain what is over it."""
        if limit < seconds <= limit + self.explained:
            raise Inconclusive(f"{summary}, but this machine stood still for {self.seconds:.1f} s meanwhile")
        expect(seconds <= limit, summary, expected=expected, exchange=exchange)

    def excuse(self, summary: str) -> None:
        """Raise Inconclusive when it stood still for long: for what a service gives up when its own time is over."""
        if self.explained > LONG:
            raise Inconclusive(f"{summary}, but this machine stood still for {self.seconds:.1f} s meanwhile")


class WatchProgram:
    """The watch as a process of its own."""

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as shared:
            shared.truncate(stall_watch.SIZE)
            self._told = memoryview(mmap.mmap(shared.fileno(), stall_watch.SIZE)).cast("d")
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", stall_watch.__file__, str(shared.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[shared.fileno()],
            )

    def seconds(self) -> float:
        """See Watch. Raises GraderError when it has ended."""
        if self._process.poll() is not None:
            raise GraderError(f"ended with status {self._process.returncode}", where="the stall watch")
        return self._told[1]

    def settle(self) -> None:
        """Wait for the end of the round that runs, for a second at most: then the grader is held up, too."""
        rounds, until = self._told[0], time.monotonic() + LONGEST_ROUND
        while self._told[0] == rounds and time.monotonic() < until:
            time.sleep(stall_watch.NAP / 10)

    def stop(self) -> None:
        """End it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(5)


@cache
def _running() -> WatchProgram:
    """One watch for all of a session, however many look at it."""
    program = WatchProgram()
    atexit.register(program.stop)
    return program
