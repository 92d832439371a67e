"""Whether the lines a service prints can be read by a machine, found again, and shown to anybody."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
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
DEPTH = 4
"""Of objects within a line."""

METHOD = ("method", "http.request.method", "http.method")
ROUTE = ("route", "http.route")
STATUS = ("status", "status_code", "http.response.status_code", "http.status_code")
DURATION = ("duration_ms", "duration", "http.server.request.duration")
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
            lines = printed(service)
            missing = [trace_id for trace_id in requests if not any(_holds(line, trace_id) for line in lines)]
            if not missing or not stalls.within(ARRIVAL):
                break
            time.sleep(POLL)
    evidence.log("the last lines that were printed", lines[-SHOWN:])
    if not missing:
        return
    plain = any(missing[0] in line.lower() for line in lines)
    raise Failure(
        f"no JSON log line holds the trace id of {requests[missing[0]]}",
        sent="\n".join(f"{words} with trace id {trace_id}" for trace_id, words in requests.items()),
        received="a line with it that is no JSON object" if plain else "no line with it",
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
        closest = min(new, key=lambda one: len(_faults(one, untold[0])), default=None)
        faults = ["there is none since"] if closest is None else _faults(closest, untold[0])
        raise Failure(
            f"no line on standard output tells all of {untold[0]}: {', '.join(faults)}",
            sent="\n".join(map(str, requests)),
            received="" if closest is None else f"the closest: {json.dumps(closest)[:EXCERPT]}",
            expected=EXPECTED,
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


def printed(service: Service) -> list[str]:
    """The newest lines of standard output and standard error."""
    logs = service.logs()
    return [*logs["stdout"].splitlines(), *logs["stderr"].splitlines()]


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


def _untold(lines: Sequence[Mapping[str, Any]], requests: Sequence[Asked]) -> list[Asked]:
    """The requests without a line of their own."""
    left = list(lines)
    untold = []
    for asked in requests:
        line = next((one for one in left if not _faults(one, asked)), None)
        if line is None:
            untold.append(asked)
        else:
            left.remove(line)
    return untold


def _faults(line: Mapping[str, Any], asked: Asked) -> list[str]:
    """Why this line does not tell what became of the request."""
    fields = _flat(line)
    method, route, status, duration = (_first(fields, names) for names in (METHOD, ROUTE, STATUS, DURATION))
    faults = []
    if str(method).upper() != asked.method:
        faults.append("its method is missing" if method is None else f"its method is {str(method)[:20]}")
    if not isinstance(route, str) or not route:
        faults.append("its route is missing")
    elif asked.item and asked.item in route:
        faults.append("its route holds the id")
    if status is None or isinstance(status, str | bool):
        faults.append("its status is missing" if status is None else "its status is not a number")
    elif status != asked.status:
        faults.append(f"its status is {str(status)[:20]}")
    if not isinstance(duration, int | float) or isinstance(duration, bool) or not duration >= 0:
        faults.append("its duration is missing" if duration is None else "its duration is not a number")
    return faults


def _flat(value: Mapping[str, Any], prefix: str = "", depth: int = DEPTH) -> dict[str, Any]:
    """The fields of an object and of those within it, by their dotted names in lower case."""
    fields: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key.lower()}"
        if isinstance(item, Mapping) and depth:
            fields |= _flat(item, f"{name}.", depth - 1)
        else:
            fields[name] = item
    return fields


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)
