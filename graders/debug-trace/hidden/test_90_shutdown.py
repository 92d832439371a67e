"""Stopping: last, because every program is started anew."""

from __future__ import annotations

import pytest

from assesskit.checks import telling
from assesskit.checks.journey import Journey

PARTS = ("gateway", "checkout", "pricing", "inventory", "worker")


@pytest.mark.criterion("trace.survives-shutdown")
def test_a_stop_loses_no_span(service, control, collector, facts) -> None:
    """SIGTERM to every program right after requests were answered: their spans arrive."""
    journey = Journey(**facts["journey"])
    usual = telling.taking_part(service, collector, journey, PARTS)
    telling.expect_flushed(control, PARTS, collector, journey, usual)
