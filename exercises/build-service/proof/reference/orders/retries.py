"""How often the service may ask again, over all callers."""

from __future__ import annotations

import threading


class Retries:
    """A share of all calls may be repeated: enough for a bad moment, and no second storm on an inventory in trouble."""

    SHARE = 0.22
    MOST = 5.0
    """Saved up, for a few failures in a row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._saved = self.MOST

    def earn(self) -> None:
        with self._lock:
            self._saved = min(self.MOST, self._saved + self.SHARE)

    def spend(self) -> bool:
        with self._lock:
            allowed = self._saved >= 1
            self._saved -= allowed
            return allowed
