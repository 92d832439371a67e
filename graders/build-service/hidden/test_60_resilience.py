"""A dependency that hangs."""

from __future__ import annotations

from functools import partial

import pytest

from assesskit.checks import resilience
from assesskit.checks.creation import Creation
from assesskit.instruments.relay import Fault

ORDERS = "/v1/orders"
LONGEST = 3.0


@pytest.fixture
def order(service, relays, tokens):
    """Make a new order, for goods that nobody else orders; leave a service behind that takes orders again."""
    fresh = partial(Creation.fresh, ORDERS, {"sku": "TEA", "quantity": 2}, mark="sku", token=tokens.mint())
    yield fresh
    relays["inventory"].reset()
    resilience.settle(service, fresh)


@pytest.mark.criterion("resilience.timeout")
def test_a_hanging_inventory_costs_a_bounded_wait(service, relays, order) -> None:
    """An inventory that accepts the call and never answers: 503 or 504 in time."""
    held = order()
    relays["inventory"].script(held.mark, Fault.hang(), always=True)
    resilience.expect_bounded_wait(service, held, LONGEST)
