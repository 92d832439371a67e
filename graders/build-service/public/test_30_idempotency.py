"""Idempotency keys, one request after the other."""

from __future__ import annotations

import pytest

from assesskit.checks import idempotency
from assesskit.checks.creation import Creation

ORDERS = "/v1/orders"


@pytest.fixture
def order(tokens):
    """A new order, for goods that nobody else orders."""
    return Creation.fresh(ORDERS, {"sku": "TEA", "quantity": 2, "note": "by hand"}, mark="sku", token=tokens.mint())


@pytest.mark.criterion("idempotency.required")
def test_an_order_without_a_key_is_refused(service, relays, order) -> None:
    """A missing Idempotency-Key is 400 and reserves nothing."""
    idempotency.expect_key_required(service, relays["inventory"], order)


@pytest.mark.criterion("idempotency.replay")
def test_a_retry_gets_the_first_answer(service, relays, order) -> None:
    """The same key and payload get the same status, body and Location, and one reservation."""
    idempotency.expect_replayed(service, relays["inventory"], order)
