"""Plots of what one piece of evidence holds over time: calls by request, and a rollout in its minutes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from markupsafe import Markup

from assesskit.reports.drawing import WIDTH, Scale, label, line, markup, path, rect, short, svg

if TYPE_CHECKING:
    from assesskit.reports.evidence import Call

MAX_ROWS = 40
_DECISION = re.compile(r"minute (\d{1,6}), (\d{1,3}(?:\.\d+)?) %: (hold|promote|roll back|finish)\b")


def calls(seen: Sequence[Call]) -> Markup:
    """How many calls each request made, a bar for each key in the order of the first call; at most `MAX_ROWS`."""
    counted = Counter(call.key or f"{call.method} {call.path}" for call in seen)
    rows = list(counted.items())[:MAX_ROWS]
    height = 30 + 22 * len(rows)
    drawing = svg("chart", f"Calls by request: {len(rows)} shown, at most {max(counted.values())}", (WIDTH, height))
    scale = Scale(0, max(counted.values()), 290, WIDTH - 70)
    for tick in scale.ticks():
        if tick == int(tick):
            line(drawing, "grid", (scale(tick), 20, scale(tick), height))
            label(drawing, (scale(tick), 12), f"{tick:.0f}", "tick middle")
    for row, (key, count) in enumerate(rows):
        y = 26 + 22 * row
        label(drawing, (0, y + 12), short(key, 42), "name")
        rect(drawing, "span", (scale(0), y + 2, scale(count) - scale(0), 13))
        label(drawing, (scale(count) + 6, y + 12), f"{count}", "tick")
    return markup(drawing)


@dataclass(frozen=True)
class Decision:
    """What a rollout plan decided: at which minute, with which share of traffic in percent, and what."""

    minute: int
    percent: float
    what: str


def rollout(text: str) -> tuple[Decision, ...]:
    """The decisions that a note of the rollout checks tells; none where it tells of something else."""
    found = (Decision(int(minute), float(percent), what) for minute, percent, what in _DECISION.findall(text))
    return tuple(sorted(found, key=lambda one: one.minute))


def timeline(decisions: Sequence[Decision]) -> Markup:
    """The share of traffic over the minutes of a rollout, with what was decided at each step."""
    height, top, bottom = 170, 24, 130
    last = decisions[-1]
    told = f"Rollout over {last.minute} minutes, which ends with {last.what} at {last.percent:g} % of traffic"
    drawing = svg("chart", told, (WIDTH, height))
    across = Scale(0, max(last.minute, 1), 52, WIDTH - 90)
    up = Scale(0, 100, bottom, top)
    for tick in across.ticks(8):
        if tick == int(tick):
            line(drawing, "grid", (across(tick), top, across(tick), bottom))
            label(drawing, (across(tick), bottom + 16), f"{tick:.0f} min", "tick middle")
    for percent in (0, 50, 100):
        line(drawing, "grid", (52, up(percent), WIDTH - 90, up(percent)))
        label(drawing, (46, up(percent) + 4), f"{percent} %", "tick end")
    start = decisions[0]
    steps = [f"M{across(0):.1f} {up(start.percent):.1f}"]
    steps += [f"H{across(one.minute):.1f}V{up(one.percent):.1f}" for one in decisions]
    end = 0.0 if last.what == "roll back" else last.percent
    path(drawing, "side side-0", "".join((*steps, f"V{up(end):.1f}H{WIDTH - 90:.1f}")))
    for one in decisions:
        if one.what != "hold":
            _mark(drawing, across(one.minute), up(one.percent), one.what)
    return markup(drawing)


def _mark(drawing: Element, x: float, y: float, what: str) -> None:
    if what == "roll back":
        rect(drawing, "span failed", (x - 5, y - 5, 10, 10))
        label(drawing, (x + 9, y - 6), "rolled back", "name")
    else:
        rect(drawing, "point", (x - 3, y - 3, 6, 6))
