"""Stopping without loss."""

from __future__ import annotations

import pytest

from assesskit.checks import moved_running, moving, shutdown


@pytest.mark.criterion("service.shutdown")
def test_a_stop_loses_nothing(world, service, relays, evidence) -> None:
    """On SIGTERM what is in flight is finished, new requests are turned away, and what was acknowledged is kept."""
    move = moving.of(world)
    before, during = moved_running.creation(move), moved_running.creation(move)
    shutdown.expect_drained(
        service, relays[move.moving.monolith], before, during, evidence, gave_up=moved_running.GAVE_UP
    )
