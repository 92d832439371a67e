"""What the sink took, held against what was really done: nothing lost, nothing invented, in order, under one id.

An aggregate is an event's ``subject``; its changes are counted by the extension ``sequence`` (CloudEvents extension of
that name), from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assesskit.checks.drawn import lines
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.instruments.sink import Taken

SHOWN = 6
"""Events that a feedback text lists."""
CLOUD_EVENTS = "CloudEvents 1.0.2, 3.1.1 (id) and the extension sequence"
LONGEST_SEQUENCE = 18
"""Digits."""


@dataclass(frozen=True)
class Change:
    """One change of an aggregate that really happened, and the type of event that tells of it."""

    subject: str
    sequence: int
    type: str

    def __str__(self) -> str:
        return f"{self.type} of {self.subject}, sequence {self.sequence}"


def sequence_of(event: Taken) -> int | None:
    """The sequence of an event, a number or a text of digits; None for anything else."""
    told = event.event.get("sequence")
    if isinstance(told, int) and not isinstance(told, bool):
        return told
    plain = isinstance(told, str) and told.isascii() and told.isdecimal() and len(told) <= LONGEST_SEQUENCE
    return int(str(told)) if plain else None


def change_of(event: Taken) -> Change | None:
    """What an event tells of; None when it does not say of what, or which change of it."""
    sequence = sequence_of(event)
    return Change(event.subject, sequence, event.type) if event.subject and sequence is not None else None


def expect_attributed(events: Sequence[Taken]) -> None:
    """Every event says of which aggregate it tells, and which change of it. Raises Failure."""
    for event in events:
        expect(
            change_of(event) is not None,
            "an event does not say of what it tells, or which change of it",
            received=_line(event),
            expected="subject: the aggregate; sequence: the number of its change, as text or integer",
            rule=CLOUD_EVENTS,
        )


def expect_complete(events: Sequence[Taken], happened: Iterable[Change], maybe: Iterable[Change] = ()) -> None:
    """What happened was told, and nothing else. `maybe` are changes that nobody knows of: whoever asked for them got no
    answer, and they may have happened or not. Raises Failure.
    """
    told = {change for event in events if (change := change_of(event)) is not None}
    known = set(happened)
    lost = sorted(known - told, key=_order)
    expect(
        not lost,
        f"{len(lost)} of {len(known)} changes never came: the first is {lost[0] if lost else ''}",
        received=_some(lost),
        expected="an event for each change that was acknowledged, whatever happens to the service or to the sink",
    )
    invented = sorted(told - known - set(maybe), key=_order)
    expect(
        not invented,
        f"of the changes told, {len(invented)} never happened: the first is {invented[0] if invented else ''}",
        received=_some(invented),
        expected="an event only for a change that was made, told after it was kept",
    )


def expect_ordered(events: Sequence[Taken]) -> None:
    """The changes of one aggregate arrive in their order, each for the first time; repetitions may come at any time.
    The first one may have any sequence, since somebody else made those before. Raises Failure for the change that was
    overtaken by most: which one is overtaken first is a matter of moments.
    """
    newest: dict[str, tuple[Change, Taken]] = {}
    seen: set[Change] = set()
    overtaken: list[tuple[Change, Taken, Change, Taken]] = []
    for event in events:
        change = change_of(event)
        if change is None or change in seen:
            continue
        seen.add(change)
        before, earlier = newest.setdefault(change.subject, (change, event))
        if change is before or change.sequence > before.sequence:
            newest[change.subject] = change, event
        else:
            overtaken.append((before, earlier, change, event))
    if overtaken:
        before, earlier, change, event = max(overtaken, key=_overtaken_by)
        raise Failure(
            f"{change}, arrived after the sequence {before.sequence} of the same aggregate",
            received=f"{_line(earlier)}\n{_line(event)}",
            expected="events of one aggregate in the order of its changes",
            rule=CLOUD_EVENTS,
        )


def _overtaken_by(found: tuple[Change, Taken, Change, Taken]) -> tuple[int, str]:
    before, _, change, _ = found
    return before.sequence - change.sequence, before.type


def expect_same_ids(events: Sequence[Taken]) -> None:
    """A change that is told again is told by the same id and in the same words; no id tells of two changes. Raises
    Failure.
    """
    by_change: dict[Change, Taken] = {}
    by_id: dict[tuple[str, str], Taken] = {}
    for event in events:
        change = change_of(event)
        if change is None:
            continue
        first = by_change.setdefault(change, event)
        expect(
            first.id == event.id,
            f"{change} was told twice, by two ids: whoever reads both cannot tell that it is one change",
            received=f"{_line(first)}\n{_line(event)}",
            expected="the id that it was told by first",
            rule=CLOUD_EVENTS,
        )
        source = (str(event.event["source"]), event.id)
        other = by_id.setdefault(source, event)
        expect(
            change_of(other) == change,
            f"one id tells of two changes: {change_of(other)}, and {change}",
            received=f"{_line(other)}\n{_line(event)}",
            expected="an id of its own for each change",
            rule=CLOUD_EVENTS,
        )
        expect(
            first.data == event.data,
            f"{change} was told twice, and not in the same words",
            received=f"{_json(first.data)}\n{_json(event.data)}",
            expected="the event as it was sent first",
            rule=CLOUD_EVENTS,
        )


def leave_ledger(
    title: str, events: Sequence[Taken], evidence: Evidence, notes: Mapping[int, str] | None = None
) -> None:
    """Leave what was taken as evidence, with a note for some of them by number; the last ones, where there are many."""
    first = events[0].at if events else 0.0
    seen: set[tuple[str, str]] = set()
    rows: list[dict[str, Any]] = []
    for event in events:
        source = (str(event.event["source"]), event.id)
        rows.append(
            {
                "number": event.number,
                "at": round(event.at - first, 3),
                "type": event.type[:100],
                "subject": event.subject[:100],
                "sequence": sequence_of(event),
                "id": event.id[:100],
                "mode": event.mode,
                "answered": event.answered,
                "again": source in seen,
                "note": (notes or {}).get(event.number, "")[:200],
            }
        )
        seen.add(source)
    head: dict[str, Any] = {"drawn": "ledger/1", "count": len(events)}
    evidence.log(title, lines(head, rows))


def _order(change: Change) -> tuple[int, str, str]:
    """By what happened first: subjects are drawn, and would come in another sequence each time."""
    return change.sequence, change.type, change.subject


def _some(changes: Sequence[Change]) -> str:
    more = [f"and {len(changes) - SHOWN} more"] if len(changes) > SHOWN else []
    return "\n".join([*map(str, changes[:SHOWN]), *more])


def _line(event: Taken) -> str:
    sequence = event.event.get("sequence")
    return f"id {event.id}, {event.type}, subject {event.subject}, sequence {sequence}"[:300]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))[:900]
