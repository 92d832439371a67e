"""Traces across the service."""

from __future__ import annotations

import uuid

import pytest

from assesskit.checks import spans, tracing
from assesskit.checks.creation import made, place
from assesskit.checks.http import prepared
from assesskit.checks.spans import Traced
from assesskit.checks.tracing import Caller
from assesskit.instruments.relay import Fault


@pytest.mark.criterion("tracing.joined")
def test_the_callers_trace_crosses_to_the_inventory(service, dependency, collector, fresh, evidence) -> None:
    """The caller's trace id reaches the dependency, and the service's spans arrive under it."""
    tracing.expect_joined(service, dependency, collector, fresh(), evidence)


@pytest.mark.criterion("tracing.semantics")
def test_spans_say_what_happened(service, dependency, collector, fresh, resource, tokens, evidence) -> None:
    """Writes and reads that succeed, fail and are refused have the right kinds, parents, names and statuses."""
    item = place(made(service, fresh()))
    write, failing = Caller.fresh(), Caller.fresh()
    intended, refused = fresh(), fresh()
    path, known, nothing = resource.path, item.rpartition("/")[2], str(uuid.uuid4())
    order = service.send(intended.request(traceparent=write.traceparent))
    dependency.script(refused.mark, Fault.refuse(), always=True)
    failed = service.send(refused.request(traceparent=failing.traceparent))

    def reading(words: str, item_id: str, bearer: dict[str, str]) -> Traced:
        caller = Caller.fresh()
        headers = bearer | {"traceparent": caller.traceparent}
        exchange = service.send(prepared("GET", resource.item_path(item_id), headers=headers))
        return Traced(f"GET {resource.item}{words}", caller, exchange, path, item_id)

    writing = Traced(f"POST {path}", write, order, path)
    sent = [
        reading("", known, tokens.bearer()),
        reading(" with an id that does not exist", nothing, tokens.bearer()),
        Traced(f"POST {path} while the dependency refuses the call", failing, failed, path),
        reading(" with a token for another audience", known, tokens.bearer(aud="elsewhere")),
    ]
    for one in (writing, *sent):
        spans.expect_server_span(collector, one, service.name, evidence)
    headers = [call.header("traceparent") or "" for call in dependency.calls(intended.mark)]
    spans.expect_client_span(collector, writing, service.name, headers)
