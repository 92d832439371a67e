"""What hampers cost, kept for a moment. Who asks for one that is being loaded waits for it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from inventory import TooLateError, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

FRESH = 5.0
"""Seconds for which a price is good."""
KEPT = 10_000


class Tariffs:
    def __init__(self, load: Callable[[str, str], int | None]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, int | None]] = OrderedDict()
        self._loading: dict[str, Future[int | None]] = {}

    def of(self, hamper: str, timeout_ms: str) -> int | None:
        """Pence of one hamper. Raises TooLateError, and what loading it raised."""
        with self._lock:
            until, pence = self._known.get(hamper, (0.0, None))
            if time.monotonic() < until:
                return pence
            ours = hamper not in self._loading
            loading = self._loading.setdefault(hamper, Future())
        if not ours:
            try:
                return loading.result(seconds(timeout_ms))
            except TimeoutError:
                raise TooLateError from None
        try:
            pence = self._load(hamper, timeout_ms)
        except Exception as error:
            self._done(hamper)
            loading.set_exception(error)
            raise
        self._done(hamper, (time.monotonic() + FRESH, pence))
        loading.set_result(pence)
        return pence

    def _done(self, hamper: str, known: tuple[float, int | None] | None = None) -> None:
        with self._lock:
            del self._loading[hamper]
            if known:
                self._known[hamper] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
