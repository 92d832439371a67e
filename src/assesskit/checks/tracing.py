"""Whether a trace crosses a service: what the relay saw go by (done), and which spans arrived (said).

W3C Trace Context: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from assesskit.checks.creation import Creation, created
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.resource import PATIENCE, RECOVERING
from assesskit.checks.services import Service, ended
from assesskit.checks.stalls import Stalls
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

TRACE_CONTEXT = "W3C Trace Context, 3.2"
HTTP_SPANS = "OpenTelemetry semantic conventions for HTTP spans"
ARRIVAL = 12.0
"""Seconds until spans must have arrived; the batch processors of the OpenTelemetry SDKs send every 5."""

METHOD = ("http.request.method", "http.method")
STATUS = ("http.response.status_code", "http.status_code")
ROUTE = "http.route"
"""Attributes of a SERVER span; the older names of the conventions count as well."""
SERVER_ERROR = 500
GRACE = 10.0
"""Seconds from SIGTERM until the service should have ended."""
HELD = 0.3
"""Seconds after SIGTERM for which the dependency holds the request in flight."""
LAST_MOMENT = 2.0
DEEPEST = 100
"""Spans between a span and its ancestor."""
SHOWN = 20

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True)
class Caller:
    """A trace of our own: we are the caller, and our span is the parent of the service's."""

    trace_id: str
    span_id: str

    @classmethod
    def fresh(cls) -> Caller:
        """New random ids."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @property
    def traceparent(self) -> str:
        """The header that tells the service about us; sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def expect_joined(service: Service, relay: Relay, collector: Collector, creation: Creation, evidence: Evidence) -> None:
    """Our trace id reaches the dependency, and the service's own spans arrive under it."""
    caller = Caller.fresh()
    request = creation.request(traceparent=caller.traceparent)
    created(service.send(request))
    calls = relay.calls(creation.mark)
    evidence.relay("calls to the dependency", calls)
    crossed = [call.header("traceparent") or "" for call in calls]
    expect(
        bool(crossed) and all(trace_id_of(header) == caller.trace_id for header in crossed),
        "the call to the dependency does not carry the caller's trace id",
        sent=f"traceparent: {caller.traceparent}",
        received="\n".join(f"traceparent: {header or '(none)'}" for header in crossed) or "no call to the dependency",
        expected=f"traceparent with the trace id {caller.trace_id}",
        rule=TRACE_CONTEXT,
    )
    spans = own_spans(collector, caller.trace_id, service.name)
    evidence.spans("the service's spans of this trace", spans)
    expect(
        bool(spans),
        f"no span of the service arrived under the caller's trace id within {ARRIVAL:g} s",
        sent=f"traceparent: {caller.traceparent}",
        received="no span",
        expected="the service's spans of this request, exported over OTLP/HTTP",
        rule=TRACE_CONTEXT,
    )


@dataclass(frozen=True)
class Traced:
    """A request that was sent as `caller`, and its answer. `item` is the id in its path, `base` that path without."""

    words: str
    caller: Caller
    exchange: Exchange
    base: str
    item: str = ""


def expect_server_span(collector: Collector, traced: Traced, source: str, evidence: Evidence) -> list[Span]:
    """The request is a SERVER span below its caller's, named after its route, that tells its end; return all spans."""
    spans = settled(collector, traced.caller, source)
    evidence.spans(f"spans of {traced.words}", spans)
    servers = [span for span in spans if span.kind == "SERVER" and span.parent_id == traced.caller.span_id]
    if not servers:
        raise _unlike(traced, spans, "no SERVER span has the caller's span as its parent", "one for each request")
    server, status = servers[0], traced.exchange.answered().status
    method, said = _attribute(server, METHOD), _attribute(server, STATUS)
    route = str(server.attributes.get(ROUTE) or "")
    about = f"the SERVER span of {traced.words}"
    if str(method).upper() != traced.exchange.request.method or str(said) != str(status):
        expected = f"{METHOD[0]} {traced.exchange.request.method} and {STATUS[0]} {status}"
        raise _unlike(traced, spans, f"{about} says method {method}, status {said}", expected)
    if traced.item and traced.item in f"{server.name} {route}":
        where = "name" if traced.item in server.name else ROUTE
        raise _unlike(
            traced, spans, f"{about} has the id in its {where}", "the route's template, for every id the same"
        )
    if not route and traced.base not in server.name:
        raise _unlike(traced, spans, f"{about} does not tell the route", f"its template, as {ROUTE} or in the name")
    if (server.status == "ERROR") != (status >= SERVER_ERROR):
        expected = "ERROR for an answer of 500 and above, and for no other"
        raise _unlike(traced, spans, f"{about}, answered {status}, has the status {server.status}", expected)
    return spans


def expect_flushed(
    service: Service,
    relay: Relay,
    collector: Collector,
    before: Sequence[Creation],
    during: Creation,
    evidence: Evidence,
) -> None:
    """Spans of requests that were answered just before SIGTERM, and of the one in flight, arrive all the same.

    Whether the one in flight is answered is judged elsewhere. The service has ended on return.
    """
    callers = [Caller.fresh() for _ in (*before, during)]
    requests = [
        one.request(traceparent=caller.traceparent) for one, caller in zip((*before, during), callers, strict=True)
    ]
    exchanges = [_recovered(service, request) for request in requests[:-1]]
    relay.script(during.mark, Fault.hang())
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(service.send, requests[-1])
        try:
            relay.waiting(during.mark, timeout=LAST_MOMENT)
            service.signal("TERM")
            time.sleep(HELD)
        finally:
            relay.release(during.mark)
        exchanges.append(pending.result())
    state = service.wait(GRACE)
    evidence.note("after SIGTERM", "the service still ran" if state["running"] else f"the service {ended(state)}")
    if state["running"]:
        service.stop(LAST_MOMENT)
    words = ["answered just before SIGTERM"] * len(before) + ["in flight at SIGTERM"]
    for exchange, caller, when in zip(exchanges, callers, words, strict=True):
        if exchange.response is not None:
            spans = settled(collector, caller, service.name, timeout=LAST_MOMENT)
            evidence.spans(f"spans of a request {when}", spans)
            expect(
                bool(spans),
                f"no span arrived of a request that was {when}",
                sent=f"POST {during.path}, then SIGTERM",
                received=f"the answer {exchange.response.status}, and no span",
                expected="what is not exported yet is sent before the process ends",
            )


def _recovered(service: Service, request: Request) -> Exchange:
    """Send a creation; again while the service still says that it recovers from what another check did."""
    with Stalls() as stalls:
        while True:
            exchange = service.send(request)
            recovering = exchange.response is not None and exchange.response.status in RECOVERING
            if not recovering or not stalls.within(PATIENCE):
                created(exchange)
                return exchange
            time.sleep(0.25)


def expect_client_span(traced: Traced, spans: Sequence[Span], headers: Sequence[str]) -> None:
    """The call to the dependency is a CLIENT span below the SERVER span, and the call itself names it.

    `headers` are the traceparents that the relay saw; those of another trace are not judged here.
    """
    by_id = {span.span_id: span for span in spans}
    clients = {span.span_id for span in spans if span.kind == "CLIENT"}
    if not any(_below_server(by_id[one], traced.caller.span_id, by_id) for one in clients):
        expected = "a CLIENT span for the outgoing call, below the request's SERVER span"
        raise _unlike(traced, spans, "the call to the dependency has no CLIENT span of its own", expected)
    for header in headers:
        sender = header.split("-")[2] if trace_id_of(header) == traced.caller.trace_id else None
        if sender is not None and sender not in clients:
            kind = by_id[sender].kind if sender in by_id else "no span that arrived"
            fault = f"the call to the dependency says that its parent is another span than its CLIENT span: {kind}"
            raise _unlike(traced, spans, fault, "the id of the CLIENT span in the traceparent that is sent")


def settled(collector: Collector, caller: Caller, source: str, timeout: float = ARRIVAL) -> list[Span]:
    """The spans that `source` sent of our trace, once the one right below ours has come, which ends last."""
    until = time.monotonic() + timeout
    with Stalls() as stalls:
        while True:
            found = collector.spans(caller.trace_id, settle=0.3, timeout=max(0.5, until - time.monotonic()))
            own = [span for span in found if span.source == source]
            if any(span.parent_id == caller.span_id for span in own) or not stalls.within(timeout):
                return own
            time.sleep(0.1)


def own_spans(collector: Collector, trace_id: str, source: str) -> list[Span]:
    """The spans of a trace that `source` sent, once they have settled; empty when none came in time."""
    until = time.monotonic() + ARRIVAL
    with Stalls() as stalls:
        while True:
            found = collector.spans(trace_id, settle=0.3, timeout=max(0.5, until - time.monotonic()))
            own = [span for span in found if span.source == source]
            if own or not stalls.within(ARRIVAL):
                return own


def trace_id_of(header: str) -> str:
    """The trace id of a traceparent; empty when the header breaks the standard."""
    found = _TRACEPARENT.match(header)
    return found[1] if found and int(found[2], 16) else ""


def _attribute(span: Span, names: Sequence[str]) -> Any:
    return next((span.attributes[name] for name in names if span.attributes.get(name) is not None), None)


def _below_server(span: Span, ancestor: str, by_id: Mapping[str, Span]) -> bool:
    """Whether a span is below the one with the id `ancestor`, with a SERVER span in between."""
    served = False
    for _ in range(DEEPEST):
        parent = by_id.get(span.parent_id)
        if parent is None:
            return served and span.parent_id == ancestor
        served = served or parent.kind == "SERVER"
        span = parent
    return False


def _unlike(traced: Traced, spans: Sequence[Span], fault: str, expected: str) -> Failure:
    """The failure of spans that are unlike the conventions; it tells them in a few words each."""
    names = {span.span_id: f'"{span.name[:80]}"' for span in spans} | {traced.caller.span_id: "the caller's span"}
    lines = [
        f"{span.kind} {names[span.span_id]}, status {span.status}, below {names.get(span.parent_id, 'nothing known')}"
        for span in sorted(spans, key=lambda one: one.start)[:SHOWN]
    ]
    received = "\n".join(lines) or "no span"
    return Failure(fault, sent=traced.words, received=received, expected=expected, rule=HTTP_SPANS)
