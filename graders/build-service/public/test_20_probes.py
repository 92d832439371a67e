"""Liveness, as a platform sees it."""

from __future__ import annotations

import pytest

from assesskit.checks import probes
from assesskit.instruments.relay import Fault


@pytest.mark.criterion("probes.liveness")
def test_alive_while_the_inventory_refuses_and_while_it_hangs(service, dependency) -> None:
    """Liveness stays 200 whatever the dependency does: a restart would not bring it back."""
    probes.expect_stays(service, "/livez", 0.3, "while all is well")
    dependency.everything(Fault.refuse())
    probes.expect_stays(service, "/livez", 1.2, "while the inventory refuses every call", after="/readyz")
    dependency.everything(Fault.hang())
    probes.expect_stays(service, "/livez", 1.2, "while the inventory answers nothing", after="/readyz")
