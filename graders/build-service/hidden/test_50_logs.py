"""Logs that can be found again."""

from __future__ import annotations

import uuid

import pytest

from assesskit.checks import logs
from assesskit.checks.creation import created, place
from assesskit.checks.exchange import Request
from assesskit.checks.tracing import Caller


@pytest.mark.criterion("logs.correlated")
def test_every_request_has_a_line_with_its_trace_id(service, fresh, resource, tokens, evidence) -> None:
    """A write, a read and a read of nothing each leave a JSON line that holds the trace id of that request."""
    write, read, miss = Caller.fresh(), Caller.fresh(), Caller.fresh()
    made = service.send(fresh().request(traceparent=write.traceparent))
    created(made)
    token = ("Authorization", f"Bearer {tokens.mint()}")
    for path, caller in ((place(made), read), (resource.item_path(uuid.uuid4()), miss)):
        service.send(Request("GET", path, (token, ("traceparent", caller.traceparent)))).answered()
    told = {
        write.trace_id: f"POST {resource.path}",
        read.trace_id: f"GET {resource.item}",
        miss.trace_id: f"GET {resource.item} with an id that does not exist",
    }
    logs.expect_correlated(service, told, evidence)
