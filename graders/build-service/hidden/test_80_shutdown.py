"""Stopping without loss."""

from __future__ import annotations

from functools import partial

import pytest

from assesskit.checks import shutdown
from assesskit.checks.creation import Creation


@pytest.mark.criterion("shutdown.drain")
def test_a_stop_loses_nothing(service, relays, tokens, evidence) -> None:
    """On SIGTERM requests in flight finish, new ones are turned away, and every acknowledged order is kept."""
    order = partial(Creation.fresh, "/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token=tokens.mint())
    shutdown.expect_drained(service, relays["inventory"], order(), order(), evidence)
