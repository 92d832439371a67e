"""The pool of database sessions: whoever needs one waits until one is free, or until its time is up."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING

from calls import TooLateError
from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calls import Deadline, Edge

tracer = trace.get_tracer(__name__)


class Pool:
    def __init__(self, sessions: Sequence[Edge]) -> None:
        self._free: queue.Queue[Edge] = queue.Queue()
        for session in sessions:
            self._free.put(session)

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[Edge]:
        """Raises TooLateError when none becomes free in time."""
        with tracer.start_as_current_span("pool.acquire"):
            try:
                session = self._free.get(timeout=deadline.left())
            except queue.Empty:
                raise TooLateError("no session became free") from None
        try:
            yield session
        finally:
            self._free.put(session)
