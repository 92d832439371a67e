"""What kits cost, kept for a moment. Of all who ask for the same kit at once, one goes and the others wait for it."""

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

    def of(self, kit: str, timeout_ms: str) -> int | None:
        """Pence of one kit. Raises TooLateError, and what loading it raised."""
        with self._lock:
            until, pence = self._known.get(kit, (0.0, None))
            if time.monotonic() < until:
                return pence
            ours = kit not in self._loading
            loading = self._loading.setdefault(kit, Future())
        if not ours:
            try:
                return loading.result(seconds(timeout_ms))
            except TimeoutError:
                raise TooLateError from None
        try:
            pence = self._load(kit, timeout_ms)
        except Exception as error:
            self._done(kit)
            loading.set_exception(error)
            raise
        self._done(kit, (time.monotonic() + FRESH, pence))
        loading.set_result(pence)
        return pence

    def _done(self, kit: str, known: tuple[float, int | None] | None = None) -> None:
        with self._lock:
            del self._loading[kit]
            if known:
                self._known[kit] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
