"""Readiness while the dependency comes and goes."""

from __future__ import annotations

from functools import partial

import pytest

from assesskit.checks import probes, resilience
from assesskit.checks.creation import Creation
from assesskit.instruments.relay import Fault

READY = "/readyz"
WITHIN = 5.0 + resilience.TOLERANCE


@pytest.fixture(autouse=True)
def takes_orders_again(service, control, relays, tokens):
    """Leave a service behind that takes orders again."""
    yield
    control.service("inventory").resume()
    relays["inventory"].reset()
    order = partial(Creation.fresh, "/v1/orders", {"sku": "TEA", "quantity": 2}, mark="sku", token=tokens.mint())
    resilience.settle(service, order)


@pytest.mark.criterion("probes.readiness")
def test_ready_follows_an_inventory_that_refuses(service, relays) -> None:
    """Not ready soon after the dependency is gone, ready soon after it is back."""
    probes.expect_turns(service, READY, 200, WITHIN, "a start with everything in place")
    relays["inventory"].everything(Fault.refuse())
    probes.expect_turns(service, READY, 503, WITHIN, "the inventory began to refuse every call")
    relays["inventory"].everything(None)
    probes.expect_turns(service, READY, 200, WITHIN, "the inventory was back")


@pytest.mark.criterion("probes.readiness")
def test_ready_follows_an_inventory_that_stands_still(service, control) -> None:
    """The same for a dependency that takes connections and answers nothing."""
    inventory = control.service("inventory")
    inventory.pause()
    probes.expect_turns(service, READY, 503, WITHIN, "the inventory stopped answering")
    inventory.resume()
    probes.expect_turns(service, READY, 200, WITHIN, "the inventory went on")
