"""Traces through the service, and a start without the monolith."""

from __future__ import annotations

import pytest

from assesskit.checks import moved_running, moving


@pytest.mark.criterion("service.tracing")
def test_one_request_is_one_trace(world, relays, collector, evidence) -> None:
    """From the router through the service to the monolith."""
    move = moving.of(world)
    door = moved_running.door(world, move)
    moved_running.expect_traced(move, relays[move.moving.monolith], collector, door, evidence)


@pytest.mark.criterion("service.probes")
def test_it_starts_without_the_monolith(world, relays) -> None:
    """Ready with what it has."""
    move = moving.of(world)
    moved_running.expect_starts_alone(move, relays[move.moving.monolith])
