"""Stopping without loss."""

from __future__ import annotations

import pytest

from assesskit.checks import shutdown


@pytest.mark.criterion("shutdown.drain")
def test_a_stop_loses_nothing(service, dependency, fresh, evidence) -> None:
    """On SIGTERM requests in flight finish, new ones are turned away, and every acknowledged order is kept."""
    shutdown.expect_drained(service, dependency, fresh(), fresh(), evidence)
