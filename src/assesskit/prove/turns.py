"""Gradings side by side until each comes to its first load window; from there one at a time, beside nothing that works.

Most of a grading is no matter of time, and the load windows come last. A grading that has come to them waits until all
the others of its batch have, so that whoever measures has the machine for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """The turns of `gradings` that begin together."""

    def __init__(self, gradings: int) -> None:
        self._changed = threading.Condition()
        self._on_the_way = gradings
        self._waiting = 0
        self._measuring = False
        self._stopped = False

    @contextmanager
    def grading(self) -> Iterator[Callable[[], None]]:
        """One of the gradings. It calls what it gets when it has come to its load, and again as often as it likes."""
        came = False

        def come() -> None:
            nonlocal came
            if not came:
                came = True
                self._come()

        try:
            yield come
        finally:
            with self._changed:
                if came:
                    self._measuring = False
                else:
                    self._on_the_way -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One more grading, from its beginning after all the others."""
        with self._changed:
            self._wait(lambda: not (self._on_the_way or self._waiting or self._measuring))
        try:
            yield
        finally:
            with self._changed:
                self._measuring = False
                self._changed.notify_all()

    def stop(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _come(self) -> None:
        with self._changed:
            self._on_the_way -= 1
            self._waiting += 1
            self._changed.notify_all()
            self._wait(lambda: not (self._on_the_way or self._measuring))
            self._waiting -= 1

    def _wait(self, free: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._stopped or free())
        self._measuring = True
