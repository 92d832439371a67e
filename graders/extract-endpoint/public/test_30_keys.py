"""Idempotency keys, one request after the other."""

from __future__ import annotations

import pytest

from assesskit.checks import moved_keys, moving


@pytest.mark.criterion("idempotency.replay")
def test_a_repeated_key_makes_nothing(world) -> None:
    """It gets what it has made, with 200, as it is now."""
    moved_keys.expect_replayed(moving.of(world))
