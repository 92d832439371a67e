"""The first moments of a service."""

from __future__ import annotations

import pytest

from assesskit.checks import probes, resilience

WITHIN = 5.0 + resilience.TOLERANCE
ANSWERS_WITHIN = 3.0 + resilience.TOLERANCE


@pytest.mark.criterion("probes.startup")
def test_a_start_without_the_inventory_ends_well(service, dependency) -> None:
    """Started while the inventory refuses every connection: up, not ready, and ready once it is back."""
    probes.expect_starts_alone(service, dependency, WITHIN)


@pytest.mark.criterion("probes.startup")
def test_ready_from_the_first_moment_on(service, fresh) -> None:
    """Started with orders in the store: from the first 200 on, every worker takes orders."""
    probes.expect_ready_means_ready(service, fresh, ANSWERS_WITHIN)
