"""What a rollout leaves behind: nothing, after shadow and mirror; everything that was written, after a rollback."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assesskit.checks.carrying_out import Lanes, Run, by_service, sent
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.http import Client
from assesskit.instruments.differences import Differ, Difference, Seen
from assesskit.instruments.migration import MODE, Router
from assesskit.instruments.relay import Call
from assesskit.instruments.sink import Sink

QUIET = 1.5
"""Seconds after which what lasts would have shown itself: an outbox sends now and then."""
SETTLE = 5.0
"""Seconds for what one side wrote to reach the other."""
PAUSE = 0.1
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SHOWN = 6
OK = 200
DIFFERENT = "answers of both sides that say the same"


@dataclass(frozen=True)
class Compared:
    """How answers of both sides are compared: chosen headers, and places that are left out (see `differences`)."""

    headers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def differences(self, monolith: Exchange, service: Exchange) -> tuple[Difference, ...]:
        """Where the service's answer is not the monolith's. Raises Failure when the service gave none."""
        return Differ(self.headers, self.left_out).differences(_seen(monolith), _seen(service))


def expect_silent(
    router: Router,
    sink: Sink,
    calls: Callable[[], Sequence[Call]],
    mode: str,
    lanes: Lanes,
    evidence: Evidence,
) -> list[Exchange]:
    """While it is shadowed or mirrored, the service publishes nothing and asks the monolith for nothing but reads.

    `calls` are those that a relay between service and monolith has recorded. Returns what callers got, all of it from
    the monolith. Raises Failure.
    """
    router.steer("shadow" if mode == "shadow" else "mirror")
    sink.clear()
    before = len(calls())
    try:
        exchanges = sent(router, lanes)
        time.sleep(QUIET)
    finally:
        router.steer("monolith")
    for one in exchanges:
        expect(not by_service(one), f"a caller was answered by the service in {mode}", exchange=one)
    told = sink.events()
    what = f"{len(exchanges)} requests with {MODE}: {mode}"
    expect(
        not told,
        f"the service published {len(told)} events while it was in {mode}",
        sent=what,
        received="\n".join(f"{one.type} of {one.subject}" for one in told[:SHOWN]),
        expected="no event: these requests are the monolith's, and it does what they ask for",
    )
    written = [one for one in calls()[before:] if one.method not in SAFE]
    evidence.relay(f"calls of the service to the monolith while it was in {mode}", calls()[before:][:SHOWN])
    expect(
        not written,
        f"the service wrote to the monolith while it was in {mode}",
        sent=what,
        received="\n".join(f"{one.method} {one.path}" for one in written[:SHOWN]),
        expected="reads at most",
    )
    return exchanges


def expect_unchanged(
    monolith: Client, service: Client, reads: Sequence[Request], compared: Compared, mode: str, evidence: Evidence
) -> None:
    """After shadow or mirror the service knows what the monolith knows, and nothing of its own. Raises Failure."""
    for read in reads:
        ours, theirs, found = _settled(monolith, service, read, compared, "shadow")
        evidence.name(theirs)
        expect(
            not found,
            f"after {mode}, the service knows something else than the monolith: {read.method} {read.path} differs",
            sent=read.text(),
            received=_places(found),
            expected=f"{DIFFERENT}: what it did for copies does not last",
            exchange=theirs if not ours.error else None,
        )


def expect_consistent(
    run: Run,
    monolith: Client,
    service: Client,
    back: Callable[[Exchange], Request | None],
    compared: Compared,
    evidence: Evidence,
) -> None:
    """What callers wrote through the service before a rollback, the monolith has afterwards.

    `back` gives the request that reads back what an acknowledged write did; None for one that nothing reads. Raises
    Failure, and Inconclusive when no caller wrote anything through the service: then there is nothing to tell.
    """
    reads = {read.path: read for write in run.kept if (read := back(write)) is not None}
    if not reads:
        raise Inconclusive("no caller wrote anything through the service before the rollback")
    evidence.figure("written through the service before the rollback, and looked for", len(reads), "things")
    lost: list[tuple[Exchange, Exchange, tuple[Difference, ...]]] = []
    for read in reads.values():
        ours, theirs, found = _settled(monolith, service, read, compared, "live")
        status = ours.response.status if ours.response else 0
        if found or status != OK:
            lost.append((ours, theirs, found))
    if lost:
        ours, theirs, found = lost[0]
        evidence.name(theirs)
        raise Failure(
            f"after the rollback the monolith does not have what was written through the service, in {len(lost)} of "
            f"{len(reads)} cases",
            sent=ours.request.text(),
            received=f"from the monolith: {ours.received()}\n{_places(found)}",
            expected=f"what the service acknowledged: {theirs.received()}"[:1500],
            exchange=ours,
        )


def _settled(
    monolith: Client, service: Client, read: Request, compared: Compared, mode: str
) -> tuple[Exchange, Exchange, tuple[Difference, ...]]:
    """Both answers, once they say the same, or when they had time enough for that."""
    until = time.monotonic() + SETTLE
    asked = Request(read.method, read.path, (*read.headers, (MODE, mode)), read.body)
    while True:
        ours, theirs = monolith.send(read), service.send(asked)
        if ours.response is None:
            raise Inconclusive(f"the monolith, which is ours, gave no answer: {ours.error}")
        theirs.answered()
        found = compared.differences(ours, theirs)
        there = mode == "shadow" or ours.response.status == OK
        if (there and not found) or time.monotonic() > until:
            return ours, theirs, found
        time.sleep(PAUSE)


def _seen(exchange: Exchange) -> Seen:
    response = exchange.answered()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Seen(response.status, headers, response.body)


def _places(found: Sequence[Difference]) -> str:
    lines = [f"{one.place}: {one.monolith} at the monolith, {one.service} at the service" for one in found[:SHOWN]]
    return "\n".join([*lines, *([f"and {len(found) - SHOWN} more places"] if len(found) > SHOWN else [])])
