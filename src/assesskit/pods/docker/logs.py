"""A watch on how much a service prints: a flood costs the engine time that no limit of the container covers."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Literal

from assesskit.pods.docker.engine import FAULTS, Engine

if TYPE_CHECKING:
    from assesskit.pods.port import Limits

BUDGET_PER_LOG_MB = 64
PAUSE_SECONDS = 0.05
BYTES_PER_WRITE = 64
"""What a write costs beside its bytes, so that a flood of tiny ones counts too."""


class LogWatch:
    """Counts what a container prints over all its starts, and kills it once that is over `budget`.

    It reads the engine's log, which never holds the container up, on a thread that ends with the container.
    """

    def __init__(self, engine: Engine, container: str, limits: Limits) -> None:
        self._engine = engine
        self._container = container
        self.budget = limits.log_mb * BUDGET_PER_LOG_MB * 1024 * 1024
        self._rotates_at = limits.log_mb * 1024 * 1024 // 2
        self.printed = 0
        self._cost = 0
        self._thread: threading.Thread | None = None

    @property
    def exceeded(self) -> bool:
        """Whether the container was killed for printing too much."""
        return self._cost > self.budget

    def lost(self, kept: int) -> bool:
        """Whether the engine has dropped some of what was printed; `kept` bytes are still there.

        A log that was rotated while it was read may have been counted short: then, to be safe, yes.
        """
        return self.printed > kept or (self.printed < kept and kept >= self._rotates_at)

    def start(self) -> None:
        """Watch a container that has just been started, or started again."""
        tail: Literal["all"] | int = "all" if self._thread is None else 0
        self._thread = threading.Thread(target=self._follow, args=(tail,), name="pod-log", daemon=True)
        self._thread.start()

    def settle(self, seconds: float) -> None:
        """Wait until everything a container that has ended printed is counted."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _follow(self, tail: Literal["all"] | int) -> None:
        api = self._engine.api
        with suppress(*FAULTS):  # whoever asks the service anything learns of an engine that is gone
            while True:
                self._count(api.logs(self._container, stream=True, follow=True, tail=tail))
                # An engine that rotates its log faster than it is read ends the stream of a container that still runs.
                if not api.inspect_container(self._container)["State"]["Running"]:
                    return
                tail = 0
                time.sleep(PAUSE_SECONDS)

    def _count(self, stream: Any) -> None:
        spared = True
        with closing(stream._response):  # noqa: SLF001  the SDK's own close leaves the connection open
            for chunk in stream:
                self.printed += len(chunk)
                self._cost += len(chunk) + BYTES_PER_WRITE
                if spared and self.exceeded:
                    spared = False  # once for each start: one that is over the budget may print no more
                    self._engine.api.kill(self._container)
