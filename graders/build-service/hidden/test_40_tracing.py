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
    """A write, a read, a read of nothing and a write that fails have the right kinds, parents, names and statuses."""
    item = place(made(service, fresh()))
    write, read, miss, failing = (Caller.fresh() for _ in range(4))
    intended, refused = fresh(), fresh()
    order = service.send(intended.request(traceparent=write.traceparent))
    dependency.script(refused.mark, Fault.refuse(), always=True)
    failed = service.send(refused.request(traceparent=failing.traceparent))
    bearer = tokens.bearer()
    nothing = str(uuid.uuid4())
    found = service.send(prepared("GET", item, headers=bearer | {"traceparent": read.traceparent}))
    unknown = prepared("GET", resource.item_path(nothing), headers=bearer | {"traceparent": miss.traceparent})
    missed = service.send(unknown)
    path = resource.path
    writing = Traced(f"POST {path}", write, order, path)
    sent = [
        Traced(f"GET {resource.item}", read, found, path, item.rpartition("/")[2]),
        Traced(f"GET {resource.item} with an id that does not exist", miss, missed, path, nothing),
        Traced(f"POST {path} while the dependency refuses the call", failing, failed, path),
    ]
    for one in (writing, *sent):
        spans.expect_server_span(collector, one, service.name, evidence)
    headers = [call.header("traceparent") or "" for call in dependency.calls(intended.mark)]
    spans.expect_client_span(collector, writing, service.name, headers)
