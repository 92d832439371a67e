"""The compatibility gate, asked about changes one by one."""

from __future__ import annotations

import pytest

from assesskit.checks import gatekeeping


@pytest.mark.criterion("contract.gate")
def test_the_gate_tells_additions_from_breaks(control, evidence) -> None:
    """What clients get along with passes, what breaks them is refused."""
    gatekeeping.expect_gate(control.service("gate"), evidence)
