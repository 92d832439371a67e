"""A rollout as a picture: whose callers the service's were, minute by minute, and what became of the error budget."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.etree.ElementTree import Element

from markupsafe import Markup

from assesskit.reports.drawing import WIDTH, Scale, label, line, markup, path, rect, short, svg
from assesskit.reports.drawn import Minute, Rollout

LEFT, RIGHT = 52, 28
STAGES = 34
"""Where the bands of the stages end."""
SHARE = (58, 138)
"""Top and bottom of the share of accounts."""
SPENT = (174, 256)
"""And of the requests served ill."""
HEIGHT = 282
WIDE = 58
"""Pixels that a stage's name takes."""
WORDS = {"promote": "promoted", "hold": "under way when time was up", "roll back": "rolled back"}


def timeline(run: Rollout) -> Markup:
    """The stages of a rollout, the share of accounts that the service has, and how many requests it served ill."""
    last = run.rows[-1]
    spent = f"{run.bad} requests were served ill" + ("" if run.head.budget is None else f", {run.head.budget} may be")
    told = f"Rollout of {run.head.what}: {WORDS[run.head.end]} after {last.minute} minutes in {last.stage}; {spent}"
    drawing = svg("chart", told, (WIDTH, HEIGHT))
    across = Scale(0, last.minute, LEFT, WIDTH - RIGHT)
    _fault(drawing, run, across)
    _grid(drawing, across)
    _stages(drawing, run, across)
    _share(drawing, run, across)
    _spent(drawing, run, across)
    return markup(drawing)


def _grid(drawing: Element, across: Scale) -> None:
    for tick in across.ticks(8):
        if tick == int(tick):
            line(drawing, "grid", (across(tick), SHARE[0], across(tick), SPENT[1]))
            label(drawing, (across(tick), SPENT[1] + 16), f"{tick:.0f} min", "tick middle")


def _fault(drawing: Element, run: Rollout, across: Scale) -> None:
    """The minutes in which a fault was played, behind everything else."""
    faulty = [row for row in run.rows if row.fault]
    if faulty:
        start, end = across(faulty[0].minute - 1), across(faulty[-1].minute)
        rect(drawing, "faulty", (start, SHARE[0], end - start, SPENT[1] - SHARE[0]))
        label(drawing, (start + 4, SHARE[0] + 14), short(f"played: {faulty[0].fault}", 40), "tick")


def _stages(drawing: Element, run: Rollout, across: Scale) -> None:
    for number, (stage, rows) in enumerate(groupby(run.rows, key=lambda row: row.stage)):
        held = list(rows)
        start, end = across(held[0].minute - 1), across(held[-1].minute)
        rect(drawing, f"stage stage-{number % 2}", (start, 14, end - start - 1, STAGES - 14))
        name = stage if end - start > WIDE else stage.replace("canary ", "")
        if end - start > 6 * len(name):
            label(drawing, ((start + end) / 2, STAGES - 6), name, "tick middle")


def _share(drawing: Element, run: Rollout, across: Scale) -> None:
    up = Scale(0, 100, SHARE[1], SHARE[0])
    for percent in (0, 50, 100):
        line(drawing, "grid", (LEFT, up(percent), WIDTH - RIGHT, up(percent)))
        label(drawing, (LEFT - 6, up(percent) + 4), f"{percent} %", "tick end")
    label(drawing, (LEFT, SHARE[0] - 7), "share of the accounts that are the service's", "tick")
    end = 0.0 if run.head.end == "roll back" else run.rows[-1].percent
    steps = "".join(f"V{up(row.percent):.1f}H{across(row.minute):.1f}" for row in run.rows)
    path(drawing, "side side-0", f"M{across(0):.1f} {up(0):.1f}{steps}V{up(end):.1f}")
    for row in run.rows:
        if row.action == "promote":
            rect(drawing, "point", (across(row.minute) - 3, up(row.percent) - 3, 6, 6))
    if run.head.end == "roll back":
        last = run.rows[-1]
        rect(drawing, "span failed", (across(last.minute) - 5, up(last.percent) - 5, 10, 10))
        label(drawing, (across(last.minute) - 9, up(last.percent) - 6), "rolled back", "name end")


def _spent(drawing: Element, run: Rollout, across: Scale) -> None:
    budget = run.head.budget
    most = max(run.bad, budget or 0, 1)
    up = Scale(0, most * 1.35, SPENT[1], SPENT[0])
    for tick in up.ticks(3):
        if tick == int(tick):
            line(drawing, "grid", (LEFT, up(tick), WIDTH - RIGHT, up(tick)))
            label(drawing, (LEFT - 6, up(tick) + 4), f"{tick:.0f}", "tick end")
    label(drawing, (LEFT, SPENT[0] - 7), "requests that it served ill, so far", "tick")
    if budget is not None:
        line(drawing, "budget", (LEFT, up(budget), WIDTH - RIGHT, up(budget)))
        label(drawing, (LEFT + 6, up(budget) - 5), f"error budget: {budget} requests", "name")
    steps = "".join(f"L{across(minute):.1f} {up(bad):.1f}" for minute, bad in _running(run.rows))
    path(drawing, "side spent", f"M{across(0):.1f} {up(0):.1f}{steps}")
    label(drawing, (WIDTH - RIGHT - 4, up(run.bad) - 5), f"{run.bad}", "name end")


def _running(rows: tuple[Minute, ...]) -> Iterator[tuple[int, int]]:
    """The requests served ill by the end of each minute."""
    so_far = 0
    for row in rows:
        so_far += row.bad
        yield row.minute, so_far
