"""Evidence that the report draws: a log of JSON lines, whose first says how (see `reports.drawn`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from assesskit.checks.evidence import Evidence
from assesskit.instruments.migration import Found

MOST_LINES = 99
"""Beside the first: the grader keeps a hundred lines of a log, the last ones."""
LONGEST = 990
"""Characters of a line; the grader cuts them at a thousand."""
SHORT = 24
"""Characters of a text in a line that would be longer: at most a dozen of them, each character escaped to six."""


def leave_differences(found: Sequence[Found], title: str, evidence: Evidence) -> None:
    """Leave where answers differed as evidence: each place once, with its first pair of values."""
    counted: dict[tuple[str, str, str], int] = {}
    first: dict[tuple[str, str, str], Found] = {}
    for one in found:
        place = "/".join("*" if part.isdecimal() else part for part in one.place.split("/"))
        key = (one.request.partition(" ")[0], place, one.reason)
        counted[key] = counted.get(key, 0) + 1
        first.setdefault(key, one)
    rows = [
        {
            "request": one.request[:200],
            "place": place[:200],
            "monolith": one.monolith,
            "service": one.service,
            "count": counted[(method, place, reason)],
            "reason": reason[:200],
            "played": one.played,
        }
        for (method, place, reason), one in first.items()
    ]
    evidence.log(title, lines({"drawn": "parity/1", "count": len(found)}, rows))


def lines(head: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The JSON lines of a head and its rows: the last `MOST_LINES`, each short enough to be kept whole."""
    return [_line(each) for each in (head, *rows[-MOST_LINES:])]


def _line(row: Mapping[str, object]) -> str:
    """A row as JSON; texts that make it too long, quotes in quotes mostly, are cut."""
    told = _json(row)
    if len(told) <= LONGEST:
        return told
    return _json({key: value[:SHORT] if isinstance(value, str) else value for key, value in row.items()})


def _json(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
