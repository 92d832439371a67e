"""Stopping without loss, and what is told until the end."""

from __future__ import annotations

import pytest

from assesskit.checks import shutdown


@pytest.mark.criterion("shutdown.drain")
def test_a_stop_loses_nothing(service, dependency, fresh, evidence) -> None:
    """On SIGTERM requests in flight finish, new ones are turned away, and every acknowledged order is kept."""
    shutdown.expect_drained(service, dependency, fresh(), fresh(), evidence)


@pytest.mark.criterion("tracing.survives-shutdown")
def test_a_stop_loses_no_span(service, dependency, collector, fresh, evidence) -> None:
    """Spans of what was answered just before SIGTERM, and of what was in flight, arrive."""
    shutdown.expect_flushed(service, dependency, collector, [fresh() for _ in range(3)], fresh(), evidence)
