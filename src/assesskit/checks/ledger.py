"""What was acknowledged beside what was done: a creation answered with 201 was asked of the dependency.

Kept for every check alike, whatever it is about: who only answers has made nothing.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict

from assesskit.checks.creation import CREATED
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure, expect
from assesskit.checks.resource import Resource
from assesskit.instruments.relay import Relay

SHOWN = 3
MOST_KEYS = 20_000
"""Keys of the service's own that are remembered: several times as many as a right service uses."""


class Ledger:
    """The creations of a session that were answered, and the calls that `relay` saw for them. Safe from threads."""

    def __init__(self, resource: Resource, relay: Relay) -> None:
        self._resource = resource
        self._relay = relay
        self._acknowledged: dict[tuple[str, str], Exchange] = {}
        self._marks: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def record(self, exchange: Exchange) -> None:
        """Keep what was acknowledged, by its mark and its Idempotency-Key: a replay is the same creation."""
        request, response = exchange.request, exchange.response
        if response is None or response.status != CREATED or request.method != "POST":
            return
        if request.path != self._resource.path or (mark := _mark(request.body, self._resource.mark)) is None:
            return
        headers = {name.lower(): value for name, value in request.headers}
        with self._lock:
            self._acknowledged.setdefault((mark, headers.get("idempotency-key", "")), exchange)

    def expect_done(self) -> None:
        """Every creation since the last page was turned has a call of its own that the dependency answered with 2xx."""
        if not self._acknowledged:
            return
        calls = Counter(mark for mark, _ in self._relay.done())
        for (mark, _), exchange in self._acknowledged.items():
            calls[mark] -= 1
            expect(
                calls[mark] >= 0,
                f"POST {self._resource.path} answered 201, and the dependency had not done the work for it",
                expected="201 for what was done at the dependency",
                exchange=exchange,
            )

    def turn(self) -> None:
        """Begin a new page; whose work was done under which key of the service's own is remembered."""
        self._remember()
        with self._lock:
            self._acknowledged.clear()

    def expect_own_keys(self, evidence: Evidence) -> None:
        """No two things, in the whole session, were asked for under one key: the dependency takes them for one."""
        self._remember()
        for key, marks in self._marks.items():
            if len(marks) > 1:
                told = f"{self._resource.mark} {', '.join(sorted(marks)[:SHOWN])}"
                evidence.note("what was asked for under one key", f"Idempotency-Key: {key}\n{told}")
                raise Failure(
                    "two things were asked of the dependency under one Idempotency-Key, so the work was done for one",
                    sent="the creations of all checks before this one",
                    received=f"one Idempotency-Key at the dependency for different values of {self._resource.mark}",
                    expected="a key of its own for each thing that is made, after a restart, too",
                )

    def _remember(self) -> None:
        for mark, key in self._relay.done():
            if mark and key and (key in self._marks or len(self._marks) < MOST_KEYS):
                self._marks[key].add(mark)


def _mark(body: bytes, field: str) -> str | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    mark = payload.get(field) if isinstance(payload, dict) else None
    return mark if isinstance(mark, str) else None
