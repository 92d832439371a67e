"""How a service that moved out of a monolith runs beside it: traces through it, probes without it, a stop in time."""

from __future__ import annotations

from functools import partial

from assesskit.checks import hops, probes
from assesskit.checks.creation import CREATED, Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import Client
from assesskit.checks.moving import Move, asked, expect_this, marked
from assesskit.checks.tracing import TRACE_CONTEXT, Caller
from assesskit.checks.world import World
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.faults import Fault
from assesskit.instruments.migration import Router, Sides
from assesskit.instruments.relay import Relay

STOPS = 5.0
ROUTER = "router"
GAVE_UP = range(400, 600)
"""Answers of a service that gave up waiting for the monolith: which one is left open."""
SPANS_WITHIN = 12.0


def creation(move: Move) -> Creation:
    """What makes a thing, for checks that know no owners: its mark is a new owner, which the monolith is asked for."""
    owner = move.owner()
    return Creation(move.moving.path(owner), dict(move.moving.made), owner, "none", marked())


def door(world: World, move: Move) -> Client:
    """The router, leading everything that moves to the service."""
    router = Router(world.instruments["router"])
    told = move.moving
    sides = Sides(
        monolith=move.monolith.port,
        service=move.service.port,
        account=told.owner_key,
        context=(told.context,),
        headers=tuple(told.headers),
        volatile=tuple(told.left_out),
    )
    router.lead(sides)
    router.steer("primary", 100.0)
    return Client(router.port, record=partial(world.record, move.service.name))


def expect_traced(move: Move, relay: Relay, collector: Collector, door: Client, evidence: Evidence) -> None:
    """One trace from the caller through the router and the service to the monolith.

    `door` is the router, which leads to the service. Raises Failure.
    """
    owner, caller = move.owner(), Caller.fresh()
    request = move.moving.creation(owner, marked())
    traced = Request(
        request.method, request.path, (*request.headers, ("traceparent", caller.traceparent)), request.body
    )
    exchange = asked(door, traced)
    status = exchange.answered().status
    expect(status == CREATED, f"a request through the router answered {status}", expected="201", exchange=exchange)
    calls = relay.calls(owner)
    evidence.relay("calls to the monolith", calls)
    lost = [call for call in calls if not hops.belongs(call, caller.trace_id)]
    sent = f"traceparent: {caller.traceparent}"
    expect(bool(calls), "the monolith was not asked for the owner", sent=sent, expected="one call")
    expect(
        not lost,
        "the call to the monolith does not carry the caller's trace id",
        sent=sent,
        received=hops.headers_told(lost, "monolith"),
        expected=f"traceparent with the trace id {caller.trace_id}",
        rule=TRACE_CONTEXT,
    )
    name = move.service.name
    parents = {sender.span_id for call in calls for sender in hops.senders(call)}
    spans = hops.arrived(
        collector,
        [caller.trace_id],
        lambda found: any(_is_own(span, name) for span in found) and parents <= {span.span_id for span in found},
        SPANS_WITHIN,
    )
    evidence.spans("spans of the request", spans)
    expect(
        any(_is_own(span, name) for span in spans),
        f"no SERVER span arrived under the caller's trace id within {SPANS_WITHIN:g} s",
        sent=sent,
        received=", ".join(f"{span.kind} {span.name}" for span in spans) or "no span",
        expected="the service's SERVER span of this request",
        rule=TRACE_CONTEXT,
    )
    known = {span.span_id: span for span in spans}
    kinds = {known[one].kind for one in parents if one in known}
    expect(
        caller.span_id not in parents and "SERVER" not in kinds,
        "the call to the monolith names a span as its parent that is not the call's own",
        received=hops.headers_told(calls, "monolith"),
        expected="the CLIENT span of the call",
        rule=TRACE_CONTEXT,
    )
    expect(
        parents <= known.keys(),
        f"the call to the monolith names a span as its parent that did not arrive within {SPANS_WITHIN:g} s",
        received=", ".join(f"{span.kind} {span.name}" for span in spans),
        expected="the CLIENT span of the call, exported like the SERVER span",
        rule=TRACE_CONTEXT,
    )


def expect_independent(move: Move, relay: Relay, away: float) -> None:
    """Alive and ready whether the monolith refuses, or takes calls and never answers: what it has, it can serve."""
    for path in ("/livez", move.service.ready_path):
        probes.expect_stays(move.service, path, 0.3, "while all is well")
    relay.shut()
    try:
        for path in ("/livez", move.service.ready_path):
            probes.expect_stays(move.service, path, away, "while the monolith refuses every connection")
    finally:
        relay.reopen()
    relay.everything(Fault.hang())
    try:
        for path in ("/livez", move.service.ready_path):
            probes.expect_stays(move.service, path, away, "while the monolith answers nothing")
    finally:
        relay.everything(None)
        relay.release()


def expect_starts_alone(move: Move, relay: Relay) -> None:
    """Started while the monolith is away, the service becomes ready, and serves what it has."""
    move.followed()
    owner = move.owner()
    thing = move.thing(move.monolith, owner)["id"]
    move.caught_up()
    move.service.stop(STOPS)
    relay.shut()
    try:
        move.service.start()
        try:
            move.service.until_ready()
        except Failure as failure:
            raise Failure(
                f"started while the monolith was away, {failure.summary}",
                expected="a service that is ready with what it has, and follows the feed once it can",
            ) from failure
        read = move.service.send(move.moving.reading(owner, thing))
        status = read.response.status if read.response else read.error
        expect(
            status == 200,  # noqa: PLR2004
            f"started while the monolith was away, what was copied before answers {status}",
            expected="200",
            exchange=read,
        )
        expect_this(read, thing)
    finally:
        relay.reopen()


def _is_own(span: Span, name: str) -> bool:
    """Whether a span is a SERVER span of the service; the router's come with the same token."""
    return span.source == name and span.kind == "SERVER" and span.service != ROUTER
