"""Idempotency keys under stress, and those that the monolith knew."""

from __future__ import annotations

import pytest

from assesskit.checks import moved_keys, moving

VOLLEYS = 8


@pytest.mark.criterion("idempotency.replay")
def test_keys_move_along(world) -> None:
    """A key that made something in the monolith makes nothing at the service."""
    moved_keys.expect_known_keys(moving.of(world))


@pytest.mark.criterion("idempotency.concurrent")
def test_simultaneous_retries_make_one_thing(world, relays) -> None:
    """However many requests with one key arrive at once."""
    move = moving.of(world)
    for _ in range(VOLLEYS):
        moved_keys.expect_done_once(move, relays[move.moving.monolith])


@pytest.mark.criterion("idempotency.restart")
def test_a_restart_keeps_what_was_acknowledged(world) -> None:
    """After kill -9 a retry gets the thing from before."""
    moved_keys.expect_kept(moving.of(world))


@pytest.mark.criterion("idempotency.restart")
def test_a_restart_in_the_middle_of_a_request(world, relays) -> None:
    """After kill -9 a retry makes one thing."""
    move = moving.of(world)
    moved_keys.expect_resumed(move, relays[move.moving.monolith])
