"""What the platform asks while the monolith is away."""

from __future__ import annotations

import pytest

from assesskit.checks import moved_running, moving

AWAY = 1.2


@pytest.mark.criterion("service.probes")
def test_alive_and_ready_without_the_monolith(world, relays) -> None:
    """Who owns its data is ready without the one it came from."""
    move = moving.of(world)
    moved_running.expect_independent(move, relays[move.moving.monolith], AWAY)
