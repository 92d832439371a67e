"""Whose data it is: copied whole, and read from nobody else."""

from __future__ import annotations

import pytest

from assesskit.checks import moving, ownership


@pytest.mark.criterion("ownership.no-shared-store")
def test_reads_need_no_monolith(world, relays, evidence) -> None:
    """Not a call for them, and the same answers while it is away."""
    move = moving.of(world)
    ownership.expect_own_reads(move, relays[move.moving.monolith], evidence)


@pytest.mark.criterion("ownership.no-shared-store")
def test_nothing_but_the_seam_is_used(world, relays, evidence) -> None:
    """What the service asks the monolith for is the seam."""
    move = moving.of(world)
    ownership.expect_seam_only(move, relays[move.moving.monolith], evidence)


@pytest.mark.criterion("ownership.backfill")
def test_a_backfill_can_be_repeated(world, evidence) -> None:
    """Begun again, it changes nothing."""
    ownership.expect_repeatable(moving.of(world), evidence)


@pytest.mark.criterion("ownership.backfill")
def test_numbers_go_on_where_the_monolith_was(world, evidence) -> None:
    """What the monolith made is taken on by the service."""
    ownership.expect_continues(moving.of(world), evidence)


@pytest.mark.criterion("ownership.backfill")
def test_a_backfill_goes_on_after_kills(world, relays, evidence) -> None:
    """Killed at several moments, it ends up with everything."""
    move = moving.of(world)
    ownership.expect_resumed(move, relays[move.moving.monolith], evidence)
