"""The payment provider: asked again once when it fails, as long as few calls do, and left alone when it is down."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from calls import FailedError

if TYPE_CHECKING:
    from calls import Deadline, Edge

TRIES = 2
SHARE, MOST = 0.2, 5.0
"""Of all calls, so many may be second tries; and so many may be saved up for a bad moment."""
PAUSE = 0.05
"""Seconds before a second try, at most."""
FAILURES = 10
"""In a row, until the provider is left alone."""
OPEN = 2.0
"""Seconds for which it is left alone."""


class DeclinedError(Exception):
    """The provider will not charge this."""


class Payments:
    def __init__(self, payments: Edge) -> None:
        self._payments = payments
        self._lock = threading.Lock()
        self._saved = MOST
        self._failures = 0
        self._closed_at = 0.0

    def charge(self, order: str, amount: int, deadline: Deadline) -> str:
        """The charge's name. Raises DeclinedError, FailedError, TooLateError."""
        with self._lock:
            self._saved = min(MOST, self._saved + SHARE)
        for attempt in range(TRIES):
            self._expect_closed()
            try:
                charge = self._try(order, amount, deadline, attempt)
            except FailedError:
                self._count(failed=True)
                if attempt == TRIES - 1 or not self._may_repeat():
                    raise
                time.sleep(random.uniform(0, PAUSE))
            else:
                self._count(failed=False)
                return charge
        raise AssertionError("the last try returns or raises")

    def _try(self, order: str, amount: int, deadline: Deadline, attempt: int) -> str:
        answer = self._payments.send(
            "POST",
            "/charges",
            deadline,
            json={"order": order, "amount": amount},
            headers={"Idempotency-Key": order},
            attributes={"order": order, "attempt": attempt},
        )
        if answer.status_code == 402:
            raise DeclinedError
        if answer.status_code != 201:
            raise FailedError(f"payments answered {answer.status_code}")
        return str(answer.json()["charge"])

    def _may_repeat(self) -> bool:
        with self._lock:
            allowed = self._saved >= 1
            self._saved -= allowed
            return allowed

    def _expect_closed(self) -> None:
        """Raises FailedError while the provider is left alone; one call after that finds out how it is."""
        with self._lock:
            if self._failures < FAILURES:
                return
            if time.monotonic() < self._closed_at:
                raise FailedError("payments are left alone")
            self._closed_at = time.monotonic() + OPEN

    def _count(self, *, failed: bool) -> None:
        with self._lock:
            self._failures = self._failures + 1 if failed else 0
            if self._failures == FAILURES:
                self._closed_at = time.monotonic() + OPEN
