"""Idempotency keys under stress."""

from __future__ import annotations

from functools import partial

import pytest

from assesskit.checks import idempotency
from assesskit.checks.creation import Creation

ORDERS = "/v1/orders"
VOLLEYS = 10


@pytest.fixture
def order(tokens):
    """Make a new order, for goods that nobody else orders."""
    return partial(Creation.fresh, ORDERS, {"sku": "TEA", "quantity": 2}, mark="sku", token=tokens.mint())


@pytest.mark.criterion("idempotency.mismatch")
def test_a_key_belongs_to_its_payload(service, relays, order) -> None:
    """The same key with another payload is 422, and reserves nothing."""
    idempotency.expect_other_payload_refused(service, relays["inventory"], order(), quantity=3)


@pytest.mark.criterion("idempotency.concurrent")
def test_simultaneous_retries_do_the_work_once(service, relays, order) -> None:
    """However many requests with one key arrive at once, there is one order and one reservation."""
    for _ in range(VOLLEYS):
        idempotency.expect_done_once(service, relays["inventory"], order())
