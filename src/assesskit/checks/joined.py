"""Whether one request is one trace: what crossed the relays (done), and which spans arrived (said)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from assesskit.checks import before, hops
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.journey import OK, Journey, Trip, answered, mostly_served, sent, served
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import TRACE_CONTEXT, Caller
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.relay import Call, Relay

TOGETHER, AT_ONCE = 20, 8
"""Requests whose traces must not mix, and how many of them run side by side."""
MALFORMED = ("00-zz-zz-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "a:b", "")
"""Values that no trace header has. W3C Trace Context, 3.2.2.2 and 3.2.2.3: a vendor ignores them."""


def expect_one_trace(
    service: Service,
    relays: Mapping[str, Relay],
    collector: Collector,
    journey: Journey,
    parts: Sequence[str],
    recorded: Sequence[Span],
    evidence: Evidence,
) -> None:
    """Our trace id crosses every edge, and spans of every one of `parts` arrive under it.

    A request of the recording is kept beside it as evidence, so that a reader sees what has become of it.
    """
    trip = served(service, journey.fresh, relays.values())
    trace_id = trip.caller.trace_id
    told = f"POST {trip.path}\ntraceparent: {trip.caller.traceparent}"
    crossed = hops.crossing(relays, journey.edges)
    said = {one.trace_id for calls in crossed.values() for call in calls for one in hops.senders(call)}

    def joined(spans: Sequence[Span]) -> set[str]:
        return {span.source for span in spans if span.trace_id == trace_id}

    split = not said <= {trace_id}  # then nobody waits longer than it takes to show how
    spans = hops.arrived(
        collector,
        sorted({trace_id, *said}),
        lambda found: split or set(parts) <= joined(found),
        at_least=hops.BATCH if split else 0.0,
    )
    before.told(recorded, spans, evidence)
    for name, calls in crossed.items():
        lost = [call for call in calls if not hops.belongs(call, trace_id)]
        expect(bool(calls), f"no call to {name} was seen", sent=told, expected="the request on its way")
        expect(
            not lost,
            f"the call to {name} does not carry the caller's trace id",
            sent=told,
            received=hops.headers_told(lost, name),
            expected=f"the trace id {trace_id} in every call that the request leads to, and no other",
            rule=TRACE_CONTEXT,
        )
    missing = [part for part in parts if part not in joined(spans)]
    expect(
        not missing,
        f"no span of {', '.join(missing)} arrived under the caller's trace id",
        sent=told,
        received=f"spans of {', '.join(part for part in parts if part in joined(spans)) or 'nobody'}",
        expected=f"spans of {', '.join(parts)}, all of one trace",
    )


def expect_stale_header_ignored(
    service: Service, relays: Mapping[str, Relay], journey: Journey, evidence: Evidence
) -> None:
    """When both formats arrive, ``traceparent`` counts: an ``uber-trace-id`` of another trace beside it is ignored."""
    trip, stale = journey.fresh(), Caller.fresh()
    old = f"{stale.trace_id}:{stale.span_id}:0:1"
    exchange = answered(lambda: service.send(trip.request({hops.JAEGER: old})))
    expect(exchange.answered().status == OK, "a request was not served", expected="200", exchange=exchange)
    for name, calls in hops.crossing(relays, journey.edges).items():
        evidence.relay(f"calls to {name}", calls)
        taken = [call for call in calls if any(one.trace_id == stale.trace_id for one in hops.senders(call))]
        expect(
            not taken,
            f"a stale uber-trace-id came beside a traceparent, and the call to {name} goes on with the stale trace",
            sent=f"traceparent: {trip.caller.traceparent}\nuber-trace-id: {old}",
            received=hops.headers_told(taken, name),
            expected=f"the trace id {trip.caller.trace_id}",
            rule=TRACE_CONTEXT,
        )


def expect_malformed_ignored(targets: Mapping[Service, Request]) -> None:
    """A trace header that is none costs nobody an answer; each target is sent its request with one after the other."""
    for target, request in targets.items():
        for value in MALFORMED:
            bad = tuple((name, value) for name in (hops.W3C, hops.JAEGER))
            kept = tuple(one for one in request.headers if one[0].lower() != hops.W3C)
            odd = Request(request.method, request.path, (*kept, *bad), request.body)
            exchange = answered(partial(target.send, odd))
            status = exchange.answered().status
            expect(
                status == OK,
                f"{target.name} answered {status} to a request with a trace header that is malformed",
                expected="200, and a trace of its own",
                rule="W3C Trace Context, 3.2.2",
                exchange=exchange,
            )


def expect_parents(
    service: Service,
    relays: Mapping[str, Relay],
    collector: Collector,
    journey: Journey,
    parts: Sequence[str],
    evidence: Evidence,
) -> None:
    """Of requests side by side, each call names a CLIENT span of its own, and the one who is called its child.

    What is not there cannot be below anything: each of `parts` sends spans at all.
    """
    trips = [journey.fresh(2) for _ in range(TOGETHER)]
    with Stalls() as stalls:
        exchanges = sent(service, trips, AT_ONCE)
    mostly_served(exchanges, stalls)
    seen = hops.crossing(relays, journey.edges)
    ids = {trip.caller.trace_id: trip for trip in trips}
    _expect_unmixed(seen, trips)
    first = journey.edges[0]

    def complete(spans: list[Span]) -> bool:
        return len([span for span in spans if span.source == first and span.kind == "SERVER"]) >= len(trips)

    spans = hops.arrived(collector, list(ids), complete, at_least=hops.BATCH)
    evidence.spans("spans of one of the requests", [one for one in spans if one.trace_id == trips[0].caller.trace_id])
    own = {name: [call for call in calls if _own(call, ids)] for name, calls in seen.items()}
    for name, calls in own.items():
        _expect_named(name, calls, spans, ids)
    _expect_apart(own)
    silent = hops.silent(collector, parts, spans)
    expect(
        not silent,
        f"{', '.join(silent)} sends no span, so nothing is below the call that led to it",
        expected="the SERVER span of who is called as the child of the call's CLIENT span",
    )


def _expect_apart(seen: Mapping[str, Sequence[Call]]) -> None:
    """No two calls name the same span, unless one is the other made again."""
    named: dict[str, tuple[str, str]] = {}
    for name, calls in seen.items():
        for call in calls:
            for sender in hops.senders(call):
                other, path = named.setdefault(sender.span_id, (name, call.path))
                if (other, path) != (name, call.path):
                    raise _unlike(f"a call to {name} names the span of a call to {other} as its parent", call, name)


def _own(call: Call, ids: Mapping[str, Trip]) -> bool:
    return any(sender.trace_id in ids for sender in hops.senders(call))


def _expect_unmixed(seen: Mapping[str, list[Call]], trips: Sequence[Trip]) -> None:
    """No call about one request's things or mark says that it belongs to another of the requests."""
    about = {key: trip for trip in trips for key in (trip.mark, *trip.items)}
    ids = {trip.caller.trace_id for trip in trips}
    for name, calls in seen.items():
        for call in calls:
            trip = about.get(call.key)
            said = {sender.trace_id for sender in hops.senders(call)} & ids
            expect(
                trip is None or said <= {trip.caller.trace_id},
                f"of requests side by side, a call to {name} belongs to one and carries the trace id of another",
                received=hops.headers_told([call], name),
                expected=f"the trace id {trip.caller.trace_id if trip else ''}",
            )


def _expect_named(name: str, calls: Sequence[Call], spans: Sequence[Span], ids: Mapping[str, Trip]) -> None:
    """The sender of each call is a CLIENT span, not the caller's and none of `name`'s; its SERVER spans are below."""
    by_id = {span.span_id: span for span in spans}
    outside = {trip.caller.span_id for trip in ids.values()}
    crossed = {sender.span_id for call in calls for sender in hops.senders(call)}
    for call in calls:
        for sender in hops.senders(call):
            span = by_id.get(sender.span_id)
            if sender.span_id in outside:
                raise _unlike(f"a call to {name} names the span of the first caller as its parent", call, name)
            if span is not None and (span.kind not in {"CLIENT", "PRODUCER"} or span.source == name):
                told = f"a call to {name} names a span of {span.source} as its parent that is {span.kind}"
                raise _unlike(told, call, name)
    for span in spans:
        if span.source == name and span.kind == "SERVER" and span.parent_id not in crossed:
            raise Failure(
                f"a SERVER span of {name} is not below the span that called it",
                received=f"{span.name}, below {span.parent_id or 'nothing'}",
                expected="the span that the call's trace header names",
                rule=TRACE_CONTEXT,
            )


def _unlike(summary: str, call: Call, name: str) -> Failure:
    return Failure(
        summary,
        received=hops.headers_told([call], name),
        expected="the CLIENT span of this very call, so that its time and its end can be told from the callee's",
        rule=TRACE_CONTEXT,
    )
