"""Whether every span of a burst arrives, and with it the span that it is below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from assesskit.checks import hops, instrumentation
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Inconclusive, expect
from assesskit.checks.journey import Journey, Trip, mostly_served, sent
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.program import Program
from assesskit.instruments.relay import Relay

BURST, UNSAMPLED, AT_ONCE = 60, 20, 8
LOSSES = ("lost", "lost_spans", "overrun")
"""What an agent counts when it was too slow itself."""


def expect_no_orphans(
    service: Service,
    relays: Mapping[str, Relay],
    collector: Collector,
    journey: Journey,
    parts: Sequence[str],
    agents: Sequence[Program],
    evidence: Evidence,
) -> None:
    """After a burst every call that a relay saw has its SERVER span, and every span's parent is there.

    Some of the requests say that they are not sampled: what arrives of them must be whole as well, or nothing.
    """
    before = [_lost(agent) for agent in agents]
    quiet = [journey.fresh() for _ in range(UNSAMPLED)]
    loud = [journey.fresh() for _ in range(BURST)]
    with Stalls() as stalls:
        exchanges = sent(service, quiet, AT_ONCE, lambda trip: trip.request(sampled=False))
        exchanges += sent(service, loud, AT_ONCE)
    mostly_served(exchanges, stalls)
    trips = [*quiet, *loud]
    answers = sum(one.response is not None for one in exchanges[len(quiet) :])
    wanted = {service.name: answers, **_wanted(relays, journey, parts, loud)}
    ids = [trip.caller.trace_id for trip in trips]

    def whole(spans: list[Span]) -> bool:
        return not _missing(spans, wanted) and not _orphans(spans, trips)

    spans = hops.arrived(collector, ids, whole, at_least=hops.BATCH)
    lost = {*_missing(spans, wanted), *hops.silent(collector, parts, spans)}
    missing = [part for part in parts if part in lost]
    orphans = _orphans(spans, trips)
    if (missing or orphans) and [_lost(agent) for agent in agents] != before:
        raise Inconclusive("an instrument of ours has lost spans on this machine")
    for name, count in collector.crowded_out().items():
        if count:
            evidence.figure(f"spans of {name} for which there was no room in the collector any more", count, "spans", 0)
    evidence.figure("spans without their parent", len(orphans), "spans", 0)
    evidence.spans("spans without their parent", orphans)
    instrumentation.told(spans, {(trip.caller.trace_id, trip.caller.span_id) for trip in trips}, evidence)
    told = f"{len(trips)} requests, {AT_ONCE} at a time, {UNSAMPLED} of them not sampled"
    expect(
        not orphans,
        "spans arrived whose parent never did",  # which ones is chance where a queue overflows: the evidence has them
        sent=told,
        expected="traces that are whole: a span's parent arrives as well, and who follows a caller that is not sampled"
        " is not sampled either",
    )
    expect(
        not missing,
        f"spans of {', '.join(missing)} are missing after a burst",
        sent=told,
        expected="a SERVER span for every call",
    )


def _lost(agent: Program) -> list[int]:
    counts = agent.ask("counts")
    return [counts[name] for name in LOSSES]


def _wanted(
    relays: Mapping[str, Relay], journey: Journey, parts: Sequence[str], trips: Sequence[Trip]
) -> dict[str, int]:
    """How many SERVER spans each program should have sent: as many as it answered calls in our traces.

    Whoever was given up before it had answered may never have heard of the call.
    """
    ids = {trip.caller.trace_id for trip in trips}
    calls = hops.crossing(relays, [name for name in journey.edges if name in parts])
    done = {name: [call for call in seen if call.target_status is not None] for name, seen in calls.items()}
    return {name: sum(any(one.trace_id in ids for one in hops.senders(call)) for call in done[name]) for name in done}


def _missing(spans: Sequence[Span], wanted: Mapping[str, int]) -> set[str]:
    """Programs of whose spans some are there, and some are not. All of them may be in other traces, or `silent`."""
    there = Counter(span.source for span in spans if span.kind == "SERVER")
    return {name for name, count in wanted.items() if 0 < there[name] < count}


def _orphans(spans: Sequence[Span], trips: Sequence[Trip]) -> list[Span]:
    there = {(span.trace_id, span.span_id) for span in spans}
    there |= {(trip.caller.trace_id, trip.caller.span_id) for trip in trips}
    return [span for span in spans if span.parent_id and (span.trace_id, span.parent_id) not in there]
