"""Readiness while the dependency comes and goes."""

from __future__ import annotations

import pytest

from assesskit.checks import probes, resilience

pytestmark = pytest.mark.usefixtures("settles")
READY = "/readyz"
WITHIN = 5.0 + resilience.TOLERANCE


@pytest.mark.criterion("probes.readiness")
def test_ready_follows_an_inventory_that_refuses(service, dependency) -> None:
    """Not ready soon after the dependency is gone, ready soon after it is back."""
    probes.expect_turns(service, READY, 200, WITHIN, "a start with everything in place")
    dependency.shut()
    probes.expect_turns(service, READY, 503, WITHIN, "the inventory began to refuse every connection")
    dependency.reopen()
    probes.expect_turns(service, READY, 200, WITHIN, "the inventory was back")


@pytest.mark.criterion("probes.readiness")
def test_ready_follows_an_inventory_that_stands_still(service, control, resource) -> None:
    """The same for a dependency that takes connections and answers nothing."""
    inventory = control.service(resource.dependency)
    inventory.pause()
    probes.expect_turns(service, READY, 503, WITHIN, "the inventory stopped answering")
    inventory.resume()
    probes.expect_turns(service, READY, 200, WITHIN, "the inventory went on")
