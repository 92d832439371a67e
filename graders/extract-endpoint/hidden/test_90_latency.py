"""Under load beside the monolith; last, because it takes the longest."""

from __future__ import annotations

import pytest

from assesskit.checks import alongside, moving


@pytest.mark.criterion("service.latency")
def test_reads_are_as_fast_as_the_monoliths(control, world, facts, evidence) -> None:
    """Reading one and the list takes little longer than it took before."""
    alongside.expect_as_fast(control, moving.of(world), facts["read_budget_ms"], evidence)
