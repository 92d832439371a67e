"""What the spans of one request say: which kind they are, whose children, what came of it, and where a call began.

OpenTelemetry semantic conventions for HTTP spans: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import ARRIVAL, Caller, settled, trace_id_of
from assesskit.instruments.collector import Collector, Span

CONVENTIONS = "OpenTelemetry semantic conventions for HTTP spans"
METHOD = ("http.request.method", "http.method")
STATUS = ("http.response.status_code", "http.status_code")
ROUTE = "http.route"
"""Attributes of a SERVER span; the older names of the conventions count as well."""
SERVER_ERROR = 500
DEEPEST = 100
"""Spans between a span and its ancestor."""
SHOWN = 20
POLL = 0.3


@dataclass(frozen=True)
class Traced:
    """A request that was sent as `caller`, and its answer. `item` is the id in its path, `base` that path without."""

    words: str
    caller: Caller
    exchange: Exchange
    base: str
    item: str = ""


def expect_server_span(collector: Collector, traced: Traced, source: str, evidence: Evidence) -> None:
    """The request is a SERVER span below its caller's, named after its route, that tells its end."""
    spans = settled(collector, traced.caller, source, ARRIVAL)
    evidence.spans(f"spans of {traced.words}", spans)
    servers = [span for span in spans if span.kind == "SERVER" and span.parent_id == traced.caller.span_id]
    if not servers:
        raise _unlike(traced, spans, "no SERVER span has the caller's span as its parent", "one for each request")
    server, status = servers[0], traced.exchange.answered().status
    method, said = _attribute(server, METHOD), _attribute(server, STATUS)
    route = str(server.attributes.get(ROUTE) or "")
    about = f"the SERVER span of {traced.words}"
    if str(method).upper() != traced.exchange.request.method or str(said).removesuffix(".0") != str(status):
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


def expect_client_span(collector: Collector, traced: Traced, source: str, headers: Sequence[str]) -> None:
    """The call to the dependency is a CLIENT span below the SERVER span, and the call itself names it.

    `headers` are the traceparents that the relay saw; those of another trace are not judged here. The span may come
    later, with a batch of another process.
    """
    with Stalls() as stalls:
        while True:
            try:
                _judge_call(traced, settled(collector, traced.caller, source, ARRIVAL), headers)
            except Failure:
                if not stalls.within(ARRIVAL):
                    raise
                time.sleep(POLL)
            else:
                return


def _judge_call(traced: Traced, spans: Sequence[Span], headers: Sequence[str]) -> None:
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
    return Failure(fault, sent=traced.words, received=received, expected=expected, rule=CONVENTIONS)
