"""A dependency that hangs."""

from __future__ import annotations

import pytest

from assesskit.checks import resilience
from assesskit.instruments.relay import Fault

LONGEST = 3.0


@pytest.fixture(autouse=True)
def takes_orders_again(service, dependency, fresh):
    """Leave a service behind that takes orders again."""
    yield
    dependency.reset()
    resilience.settle(service, fresh)


@pytest.mark.criterion("resilience.timeout")
def test_a_hanging_inventory_costs_a_bounded_wait(service, dependency, fresh) -> None:
    """An inventory that accepts the call and never answers: 503 or 504 in time."""
    held = fresh()
    dependency.script(held.mark, Fault.hang(), always=True)
    resilience.expect_bounded_wait(service, held, LONGEST)
