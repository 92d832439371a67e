"""Traces across the service."""

from __future__ import annotations

import pytest

from assesskit.checks import tracing
from assesskit.checks.creation import Creation

ORDERS = "/v1/orders"


@pytest.fixture
def order(tokens):
    """A new order, for goods that nobody else orders."""
    return Creation.fresh(ORDERS, {"sku": "TEA", "quantity": 2, "note": "by hand"}, mark="sku", token=tokens.mint())


@pytest.mark.criterion("tracing.joined")
def test_the_callers_trace_crosses_to_the_inventory(service, relays, collector, order, evidence) -> None:
    """The caller's trace id reaches the dependency, and the service's spans arrive under it."""
    tracing.expect_joined(service, relays["inventory"], collector, order, evidence)
