"""The phases of a run, told and timed as they happen."""

from __future__ import annotations

import time

from assesskit.events import LineSeen, OnEvent, PhaseEnded, PhaseStarted


class Phases:
    """One phase at a time; beginning the next ends the one before.

    `now` is the phase that runs, empty between phases; `seconds` holds how long each took, in order.
    """

    def __init__(self, run: str, on_event: OnEvent) -> None:
        self._run = run
        self._on_event = on_event
        self.now = ""
        self._since = 0.0
        self.seconds: dict[str, float] = {}

    def begin(self, phase: str, text: str) -> None:
        """End the phase that runs, if one does, and begin `phase`; `text` says what is being done."""
        self.end()
        self.now, self._since = phase, time.monotonic()
        self._on_event(PhaseStarted(self._run, phase, text))

    def line(self, text: str) -> None:
        """Tell a line of progress of the phase that runs."""
        self._on_event(LineSeen(self._run, self.now, text))

    def end(self, *, ok: bool = True) -> None:
        """End the phase that runs, if one does; `ok` is false when it ended the run."""
        if self.now:
            took = time.monotonic() - self._since
            self.seconds[self.now] = round(took, 3)
            self._on_event(PhaseEnded(self._run, self.now, took, ok))
            self.now = ""
