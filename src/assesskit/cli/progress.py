"""Shows a run as it happens: a live checklist on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from assesskit.events import (
    CheckEnded,
    ChecksPlanned,
    CheckStarted,
    CriterionJudged,
    Event,
    LineSeen,
    OnEvent,
    PhaseEnded,
    PhaseStarted,
)
from assesskit.model import Verdict

MARKS = {"met": ("✓", "green"), "not_met": ("✗", "red"), "ungraded": ("?", "yellow")}
WORDS: dict[Verdict, str] = {"met": "met", "not_met": "not met", "ungraded": "could not be judged"}


@contextmanager
def shown(title: str, *, machine: bool) -> Iterator[OnEvent]:
    """Show the events given to the yielded function: JSON lines on stdout, else a checklist or lines on stderr."""
    if machine:
        yield _json_lines(sys.stdout)
        return
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(console, title).on_event
        return
    checklist = _Checklist(title)
    with Live(checklist, console=console, refresh_per_second=8, transient=False):
        yield checklist.on_event


def _json_lines(out: IO[str]) -> OnEvent:
    def on_event(event: Event) -> None:
        values = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        plain = {key: value.model_dump() if isinstance(value, BaseModel) else value for key, value in values.items()}
        print(json.dumps({"event": type(event).__name__, **plain}), file=out, flush=True)

    return on_event


class _Lines:
    """One plain line for each thing worth a line."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._reason = ""
        self._say(title)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def on_event(self, event: Event) -> None:
        """Print what happened."""
        match event:
            case PhaseStarted(text=text):
                self._say(f"{text} …")
            case PhaseEnded(phase=phase, seconds=seconds) if phase != "checks":
                self._say(f"    {seconds:.1f} s")
            case CheckEnded(observation=seen):
                self._say(
                    f"    {seen.outcome:12} {seen.criterion:30} {seen.check.rpartition('::')[2]} ({seen.seconds:.1f} s)"
                )
            case CriterionJudged(criterion=criterion, verdict=verdict, reason=reason):
                tail = "" if verdict == "met" or reason == self._reason else f"  {reason}"
                self._reason = reason
                self._say(f"{MARKS[verdict][0]} {WORDS[verdict]:20} {criterion:30}{tail}")


class _Checklist:
    """Phases with their times, then one line a criterion, redrawn as events come."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._phases: dict[str, tuple[str, float | None, bool]] = {}
        self._since = time.monotonic()
        self._line = ""
        self._planned: dict[str, tuple[str, ...]] = {}
        self._ended: dict[str, list[str]] = {}
        self._running: str | None = None
        self._verdicts: dict[str, tuple[Verdict, str]] = {}
        self._spinner = Spinner("dots")

    def on_event(self, event: Event) -> None:
        """Take in what happened; the next redraw shows it."""
        match event:
            case PhaseStarted(phase=phase, text=text):
                self._phases[phase] = (text, None, True)
                self._since, self._line = time.monotonic(), ""
            case PhaseEnded(phase=phase, seconds=seconds, ok=ok):
                self._phases[phase] = (self._phases[phase][0], seconds, ok)
                self._line = ""
            case LineSeen(text=text):
                self._line = text
            case ChecksPlanned(checks=checks):
                self._planned = checks
            case CheckStarted(criterion=criterion):
                self._running = criterion
            case CheckEnded(observation=seen):
                self._ended.setdefault(seen.criterion, []).append(seen.outcome)
                self._running = None
            case CriterionJudged(criterion=criterion, verdict=verdict, reason=reason):
                self._verdicts[criterion] = (verdict, reason)

    def __rich__(self) -> RenderableType:
        rows: list[RenderableType] = [Text(self._title, style="bold"), self._phase_table()]
        criteria = self._verdicts or self._planned
        if criteria:
            rows.append(Padding(self._criteria_table(list(criteria)), (1, 0, 1, 0)))
        return Group(*rows)

    def _phase_table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for text, seconds, ok in self._phases.values():
            if seconds is None:
                now = f"{time.monotonic() - self._since:5.1f} s"
                table.add_row(self._spinner, text, Text(f"{now}  {self._line}"[:70], style="dim", no_wrap=True))
            else:
                mark = Text("✓", "green") if ok else Text("✗", "red")
                table.add_row(mark, text, Text(f"{seconds:5.1f} s", style="dim"))
        return table

    def _criteria_table(self, criteria: list[str]) -> Table:
        table = Table.grid(padding=(0, 1))
        told = ""
        for criterion in criteria:
            if criterion in self._verdicts:
                verdict, reason = self._verdicts[criterion]
                mark, style = MARKS[verdict]
                said = "" if verdict == "met" or reason == told else reason
                told = reason
                table.add_row(Text(mark, style), criterion, Text(WORDS[verdict], style), Text(said, style="dim"))
                continue
            ended, planned = self._ended.get(criterion, []), self._planned.get(criterion, ())
            if criterion == self._running:
                table.add_row(self._spinner, criterion, f"{len(ended)} of {len(planned)} checks", "")
            elif len(ended) == len(planned):
                clean = set(ended) == {"passed"}
                table.add_row(Text("✓", "green") if clean else Text("•", "yellow"), criterion, "checked", "")
            else:
                table.add_row(Text("·", "dim"), Text(criterion, "dim"), Text("waiting", "dim"), "")
        return table
