"""Probes as they really come: many, and while there is work."""

from __future__ import annotations

import pytest

from assesskit.checks import light

SECONDS = 3.0
CALLS = 10.0
LIMIT = 0.15


@pytest.mark.criterion("probes.light")
def test_probes_are_quick_and_cost_the_inventory_little(control, service, dependency, fresh, evidence) -> None:
    """Sixty probes a second while orders are made: half of them quick, and few calls to the dependency."""
    window = light.probed(control, service, dependency, ("/livez", "/readyz"), fresh, SECONDS)
    light.expect_light(window, CALLS, LIMIT, evidence)
