"""A thread that does one round of work after the other until it is stopped."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("invoicing")


class Background:
    """Calls `work` again and again: at once while it says that there is more, else after `pause` seconds or a wake."""

    def __init__(self, name: str, work: Callable[[], bool], pause: float) -> None:
        self._name = name
        self._work = work
        self._pause = pause
        self._wakes = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def wake(self) -> None:
        self._wakes.set()

    def _run(self) -> None:
        while True:
            try:
                more = self._work()
            except Exception:  # it must go on whatever happens: nobody else would do it
                log.exception("%s", self._name)
                more = False
            if not more:
                self._wakes.wait(self._pause)
                self._wakes.clear()
