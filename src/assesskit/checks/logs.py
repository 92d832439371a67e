"""Whether the lines a service prints can be read by a machine, found again, and shown to anybody."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls

ARRIVAL = 5.0
"""Seconds until a request's line must have been printed."""
POLL = 0.1
SHOWN = 20
EXCERPT = 400
"""Characters of one line that a feedback text quotes."""
NEAR, BEFORE = 1000, 24
"""Characters before a secret that are looked at, and shown."""
DEPTH = 8
"""Of objects within a line."""
MOST_FIELDS = 400
"""Of a line that are looked at."""
SIDE_BY_SIDE = 2
"""Lines that tell of one request: a server may write one, and the service another."""
LATE = 2
"""Lines of requests of earlier checks that may still come."""

METHOD, ROUTE, STATUS = ("method",), ("route",), ("status", "status_code")
DURATION = ("duration_ms", "duration")
"""The last parts of a field's dotted name; those of OpenTelemetry end in the same words."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUSES = range(100, 600)
_OPAQUE = re.compile(r"(?=[\w.+/=-]*\d)[\w.+/=-]{12,}")
"""Ids, and what else of a credential stands beside a secret."""
EXPECTED = "a JSON object with method, route (the template), status and duration_ms, the latter two as numbers"


@dataclass(frozen=True)
class Asked:
    """A request that was answered with `status`: its line must say so, and must not hold `item` as its route."""

    method: str
    path: str
    status: int
    item: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}, answered {self.status}"


def expect_correlated(service: Service, requests: Mapping[str, str], evidence: Evidence) -> None:
    """Each request (its trace id -> what it was, in words) has a line, a JSON object, that holds its trace id."""
    with Stalls() as stalls:
        while True:
            printed = service.logs()
            lines = printed["stdout"].splitlines()
            missing = [trace_id for trace_id in requests if not any(_holds(line, trace_id) for line in lines)]
            if not missing or not stalls.within(ARRIVAL):
                break
            time.sleep(POLL)
    evidence.log("the last lines that were printed", lines[-SHOWN:])
    if not missing:
        return
    elsewhere = "a line with it on standard error" if missing[0] in printed["stderr"].lower() else "no line with it"
    plain = any(missing[0] in line.lower() for line in lines)
    raise Failure(
        f"no JSON log line holds the trace id of {requests[missing[0]]}",
        sent="\n".join(f"{words} with trace id {trace_id}" for trace_id, words in requests.items()),
        received="a line with it that is no JSON object" if plain else elsewhere,
        expected="for every request a JSON line on standard output with its 32-digit trace id",
    )


def expect_structured(service: Service, before: str, requests: Sequence[Asked], evidence: Evidence) -> None:
    """Every line on standard output is a JSON object, and each request has one that says what became of it.

    `before` is what standard output held before the requests were sent.
    """
    with Stalls() as stalls:
        while True:
            text = service.logs()["stdout"]
            new = _objects(_since(before, text))
            untold = _untold(new, requests)
            if not untold or not stalls.within(ARRIVAL):
                break
            time.sleep(POLL)
    lines = _lines(text)
    evidence.log("the last lines on standard output", lines[-SHOWN:])
    strange = [line for line in (*_since(before, text), *lines) if not _objects([line])]
    if strange:
        raise Failure(
            "a line on standard output is not a JSON object",
            received=next((line for line in strange if requests[0].path in line), strange[0])[:EXCERPT],
            expected="JSON objects only, one a line; what has another form belongs on standard error",
        )
    if untold:
        closest = min(new, key=lambda one: len(_faults(_said(one), untold[0])), default=None)
        faults = ["nothing was printed there"] if closest is None else _faults(_said(closest), untold[0])
        raise Failure(
            f"no line on standard output tells all of {untold[0]}: {', '.join(faults)}",
            sent="\n".join(map(str, requests)),
            received="" if closest is None else f"the closest: {json.dumps(closest)[:EXCERPT]}",
            expected=EXPECTED,
        )
    _expect_no_others(new, requests)


def _expect_no_others(lines: Sequence[Mapping[str, Any]], requests: Sequence[Asked]) -> None:
    """Hardly more lines tell of such requests than there were: what is printed on suspicion tells nothing."""
    told = [said for said in map(_said, lines) if said.complete]
    own = {route for said in told if any(not _faults(said, one) for one in requests) for route in said.routes}
    alike = [said for said in told if said.routes & own]
    expect(
        len(alike) <= SIDE_BY_SIDE * len(requests) + LATE,
        f"standard output tells of {len(alike)} requests, and {len(requests)} were sent",
        sent="\n".join(map(str, requests)),
        received="\n".join(sorted({f"{'/'.join(one.methods)} {'/'.join(map(str, one.statuses))}" for one in alike})),
        expected="one line for each request, which says what became of it",
    )


def expect_no_secret(
    secrets: Mapping[str, str], places: Mapping[str, Iterable[str]], sent: str, rule: str = "CWE-532"
) -> None:
    """None of `secrets` (what it is, in words -> itself) is in what was said at any of `places`."""
    for place, texts in places.items():
        for text in texts:
            for words, secret in secrets.items():
                head, found, _ = text.partition(secret)
                if found:
                    raise Failure(
                        f"{words} is in {place}",
                        sent=sent,
                        received=f"… {_veiled(head[-NEAR:])[-BEFORE:]}[here]",
                        expected="no secret of a caller in anything that is kept for operation",
                        rule=rule,
                    )


def _veiled(text: str) -> str:
    return _OPAQUE.sub("…", text)


def _holds(line: str, trace_id: str) -> bool:
    return trace_id in line.lower() and bool(_objects([line]))


def _lines(text: str) -> list[str]:
    """The complete lines that are not empty."""
    whole = text[: text.rfind("\n") + 1]
    return [line for line in whole.split("\n") if line.strip()]


def _since(before: str, text: str) -> list[str]:
    """The complete lines after those of `before`, of which the oldest may be gone."""
    end = before[-2000:]
    at = text.rfind(end) if end else -1
    return _lines(text[at + len(end) :] if at >= 0 else text)


def _objects(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The JSON objects in lines that hold nothing else; a line may have several, since workers print side by side."""
    found: list[dict[str, Any]] = []
    decoder = json.JSONDecoder()
    for line in lines:
        own: list[dict[str, Any]] = []
        rest = line.strip()
        while rest:
            try:
                value, end = decoder.raw_decode(rest)
            except (ValueError, RecursionError):
                value, end = None, 0
            if not isinstance(value, dict):
                own = []
                break
            own.append(value)
            rest = rest[end:].lstrip()
        found += own
    return found


@dataclass(frozen=True)
class _Said:
    """What one line says, wherever in it; of each field every value that can be one, and what stands in its place."""

    methods: frozenset[str]
    routes: frozenset[str]
    statuses: frozenset[int]
    timed: bool
    instead: Mapping[str, Any]

    @property
    def complete(self) -> bool:
        return bool(self.methods and self.routes and self.statuses) and self.timed


def _said(line: Mapping[str, Any]) -> _Said:
    fields = list(itertools.islice(_fields(line), MOST_FIELDS))

    def values(names: Sequence[str]) -> list[Any]:
        """Every value whose dotted name is or ends in one of `names`; where none does, those with `_` for the dot."""
        told: list[Any] = []
        for mark in "._":
            ends = tuple(f"{mark}{name}" for name in names)
            told = told or [value for name, value in fields if value is not None and f".{name}".endswith(ends)]
        return told

    found = {"method": values(METHOD), "status": values(STATUS), "duration": values(DURATION)}
    return _Said(
        frozenset(text for value in found["method"] if (text := str(value).upper()) in METHODS),
        frozenset(value for value in values(ROUTE) if isinstance(value, str) and value),
        frozenset(int(value) for value in found["status"] if _is_number(value) and value in STATUSES),
        any(_is_number(value) and value >= 0 for value in found["duration"]),
        {name: str(each[0])[:20] for name, each in found.items() if each},
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _untold(lines: Sequence[Mapping[str, Any]], requests: Sequence[Asked]) -> list[Asked]:
    """The requests without a line of their own."""
    left = [_said(line) for line in lines]
    untold = []
    for asked in requests:
        line = next((one for one in left if not _faults(one, asked)), None)
        if line is None:
            untold.append(asked)
        else:
            left.remove(line)
    return untold


def _faults(said: _Said, asked: Asked) -> list[str]:
    """Why this line does not tell what became of the request. One that says two things of it says nothing."""
    faults = []
    if said.methods != {asked.method}:
        told = " and ".join(sorted(said.methods)) or said.instead.get("method")
        faults.append(f"its method is {told}" if told else "its method is missing")
    if not said.routes:
        faults.append("its route is missing")
    elif asked.item and all(asked.item in route for route in said.routes):
        faults.append("its route holds the id")
    if said.statuses != {asked.status}:
        told = " and ".join(map(str, sorted(said.statuses)))
        unlike = "its status is not a number" if "status" in said.instead else "its status is missing"
        faults.append(f"its status is {told}" if told else unlike)
    if not said.timed:
        faults.append(f"its duration is {'not a number' if 'duration' in said.instead else 'missing'}")
    return faults


def _fields(value: Mapping[str, Any], prefix: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """The fields of an object and of those within it, by their dotted names in lower case."""
    for key, item in value.items():
        name = f"{prefix}{key.lower()}"
        if isinstance(item, Mapping):
            yield from _fields(item, f"{name}.", depth - 1) if depth else ()
        else:
            yield name, item
