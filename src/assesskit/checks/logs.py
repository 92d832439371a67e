"""Whether the lines a service prints can be found again: by the trace id of the request they belong to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.services import Service

ARRIVAL = 5.0
"""Seconds until a request's line must have been printed."""
POLL = 0.1
SHOWN = 20


def expect_correlated(service: Service, requests: Mapping[str, str], evidence: Evidence) -> None:
    """Each request (its trace id -> what it was, in words) has a line, a JSON object, that holds its trace id."""
    until = time.monotonic() + ARRIVAL
    while True:
        lines = printed(service)
        missing = [trace_id for trace_id in requests if not any(_holds(line, trace_id) for line in lines)]
        if not missing or time.monotonic() > until:
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


def printed(service: Service) -> list[str]:
    """The newest lines of standard output and standard error."""
    logs = service.logs()
    return [*logs["stdout"].splitlines(), *logs["stderr"].splitlines()]


def _holds(line: str, trace_id: str) -> bool:
    if trace_id not in line.lower():
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
