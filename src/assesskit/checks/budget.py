"""The seconds of a grader session, which its checks spend in turn."""

from __future__ import annotations

import time

LEAST = 1.0
"""Seconds. A check that cannot have these is not begun."""


class Budget:
    """So many seconds from now on for a whole session."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def grant(self, most: float) -> float:
        """Return how many seconds the next check may take, `most` at most; 0 when it is too late for one."""
        left = self._until - time.monotonic()
        return min(left, most) if left >= LEAST else 0.0
