"""What hampers cost, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

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

    def of(self, hamper: str, timeout_ms: str) -> int | None:
        """Pence of one hamper. Raises what loading it raised."""
        with self._lock:
            until, pence = self._known.get(hamper, (0.0, None))
            if time.monotonic() < until:
                return pence
        pence = self._load(hamper, timeout_ms)
        with self._lock:
            self._known[hamper] = (time.monotonic() + FRESH, pence)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return pence
