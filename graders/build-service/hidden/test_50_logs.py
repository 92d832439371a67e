"""Logs that can be found again."""

from __future__ import annotations

import pytest

from assesskit.checks import logs
from assesskit.checks.creation import Creation, created, place
from assesskit.checks.exchange import Request
from assesskit.checks.tracing import Caller

ORDERS = "/v1/orders"


@pytest.fixture
def order(tokens):
    """A new order, for goods that nobody else orders."""
    return Creation.fresh(ORDERS, {"sku": "TEA", "quantity": 2, "note": "by hand"}, mark="sku", token=tokens.mint())


@pytest.mark.criterion("logs.correlated")
def test_every_request_has_a_line_with_its_trace_id(service, order, tokens, evidence) -> None:
    """A write, a read and a read of nothing each leave a JSON line that holds the trace id of that request."""
    write, read, miss = Caller.fresh(), Caller.fresh(), Caller.fresh()
    made = service.send(order.request(traceparent=write.traceparent))
    created(made)
    token = ("Authorization", f"Bearer {tokens.mint()}")
    for path, caller in ((place(made), read), (f"{ORDERS}/00000000-0000-4000-8000-000000000000", miss)):
        service.send(Request("GET", path, (token, ("traceparent", caller.traceparent)))).answered()
    told = {
        write.trace_id: f"POST {ORDERS}",
        read.trace_id: f"GET {ORDERS}/{{id}}",
        miss.trace_id: f"GET {ORDERS}/{{id}} of an order that does not exist",
    }
    logs.expect_correlated(service, told, evidence)
