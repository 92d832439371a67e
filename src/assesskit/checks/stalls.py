"""Whether a time limit was missed by the submission, or by a machine that stood still.

A thread of the grader sleeps for a moment, over and over, and adds up by how much it woke too late. Whoever judges a
time watches it that way, and a limit that was missed by no more than such stalls explain is no failure::

    with Stalls() as stalls:
        exchange = service.send(request, deadline=8.0)
    stalls.expect_within(exchange.seconds, 3.5, "POST /v1/orders took …", exchange=exchange)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from assesskit.checks.expect import Inconclusive, expect

if TYPE_CHECKING:
    from assesskit.checks.exchange import Exchange

NAP = 0.02
"""Seconds the thread sleeps."""
USUAL = 0.005
"""Seconds too late that even an idle machine wakes a thread now and then."""
SHARE = 2.0
"""A service waits for the processor more often than a thread that only sleeps: it may be late by so many stalls."""


class Stalls:
    """Adds up the seconds for which this program stood still, from the moment it is entered."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stalls", daemon=True)
        self._began = 0.0
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._began = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

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
            raise Inconclusive(f"{summary}, but the grader itself stood still for {self.seconds:.1f} s meanwhile")
        expect(seconds <= limit, summary, expected=expected, exchange=exchange)

    def _watch(self) -> None:
        while not self._over.is_set():
            began = self._clock()
            self._sleep(NAP)
            late = self._clock() - began - NAP
            self.seconds += late if late > USUAL else 0.0
