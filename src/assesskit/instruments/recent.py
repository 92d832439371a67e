"""A collector that keeps the newest spans only, ``python -m assesskit.instruments.recent``, for a system that runs on.

Asked for its ``fresh`` spans, it tells those that came since it was asked last, and forgets them.
"""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack
from typing import Any

from assesskit.instruments.collector_server import CollectorProgram
from assesskit.instruments.otlp import Received, plain_span
from assesskit.instruments.serving import run

KEPT = 1000
"""Spans that wait to be asked for; what was there before is lost then, as whoever asks learns."""


class Recent(CollectorProgram):
    """Takes what the collector takes."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Received] = deque(maxlen=KEPT)
        self._lost = 0

    async def fresh(self) -> dict[str, Any]:
        """Return ``{"spans": […as of `collector`…], "lost": how many had no room}``."""
        told = {"spans": [plain_span(each) for each in self._waiting], "lost": self._lost}
        self._waiting.clear()
        self._lost = 0
        return told

    def _keep(self, found: list[tuple[str, Received]]) -> int:
        self._lost += max(0, len(self._waiting) + len(found) - KEPT)
        self._waiting.extend(received for _, received in found)
        return 0


if __name__ == "__main__":
    COLLECTOR = Recent()
    run({"open": COLLECTOR.open, "fresh": COLLECTOR.fresh}, AsyncExitStack())
