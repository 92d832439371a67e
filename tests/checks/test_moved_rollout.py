"""Who comes in a rollout: the same owners for everybody, spread evenly over shares and minutes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from assesskit.checks.moved_rollout import EACH_MINUTE, PARTIES, Rollouts
from assesskit.instruments.rollout_book import share_of


@pytest.fixture(scope="module")
def parties() -> list[str]:
    made: list[str] = []
    moving = SimpleNamespace(owners="/owners", owned_by="owner")
    move = SimpleNamespace(
        moving=moving, told=lambda *_: SimpleNamespace(status=404), owner=lambda **named: made.append(named["owner"])
    )
    rollouts: Any = object.__new__(Rollouts)
    rollouts.move = move
    found = list(rollouts.parties)
    assert sorted(made) == sorted(found)
    return found


@pytest.mark.parametrize("percent", [5, 10, 25, 40, 50, 75])
def test_a_share_of_the_owners_is_what_its_percentage_says(parties, percent):
    chosen = [owner for owner in parties if share_of(f"account|{owner}") * 100 < percent]
    assert abs(len(chosen) - PARTIES * percent / 100) <= 1


def test_every_minute_has_owners_of_its_own_and_some_of_each_share(parties):
    minutes = [parties[at : at + EACH_MINUTE] for at in range(0, PARTIES, EACH_MINUTE)]
    assert len({owner for minute in minutes for owner in minute}) == PARTIES
    for minute in minutes:
        assert 1 <= sum(share_of(f"account|{owner}") < 0.1 for owner in minute) <= 2
