"""The clock says how much was used, and never more than it knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.kits.conftest import NOW

from assesskit.kits.clock import Moment, seen, told, used


def moments(*said: tuple[Any, int]) -> tuple[Moment, ...]:
    """What happened, at so many minutes."""
    return tuple(Moment(kind=kind, at=NOW + timedelta(minutes=at)) for kind, at in said)


@pytest.mark.parametrize(
    ("said", "now", "paused", "unpaused"),
    [
        ((), 10, 0, 0),
        ((("started", 0),), 10, 10, 10),
        ((("started", 0), ("stopped", 10)), 60, 10, 60),
        ((("started", 0), ("stopped", 10), ("started", 30)), 60, 40, 60),
        ((("started", 0), ("seen", 5), ("stopped", 10), ("seen", 20)), 60, 10, 60),
        ((("started", 0), ("seen", 30)), 20, 30, 30),
        ((("started", 0), ("seen", 60), ("seen", 10)), 20, 70, 70),
        ((("started", 0), ("stopped", -30)), 60, 0, 90),
    ],
    ids=["never", "runs", "stopped", "again", "seen", "set back now", "set back", "stopped in the past"],
)
def test_the_time_between_start_and_stop_counts(said, now, paused, unpaused) -> None:
    """A pause costs nothing where the policy allows it; a clock that is set back neither gives time nor takes it."""
    at = NOW + timedelta(minutes=now)
    assert used(moments(*said), at, pause=True).seconds == paused * 60
    assert used(moments(*said), at, pause=False).seconds == unpaused * 60


def test_a_clock_that_was_set_back_is_told() -> None:
    """Also when it happened long ago."""
    assert not used(moments(("started", 0), ("seen", 5)), NOW + timedelta(minutes=6), pause=True).set_back
    assert used(moments(("started", 0), ("seen", 5)), NOW + timedelta(minutes=4), pause=True).set_back
    assert used(moments(("started", 9), ("stopped", 5), ("started", 7)), NOW + timedelta(hours=1), pause=True).set_back


def test_starting_twice_is_starting_once() -> None:
    """And stopping a clock that stands is nothing; a long day leaves a short list."""
    held: tuple[Moment, ...] = ()
    for minute in range(100):
        held = seen(held, "started" if minute < 50 else "stopped", NOW + timedelta(minutes=minute))
    assert [moment.kind for moment in held] == ["started", "seen", "stopped", "seen"]
    assert used(held, NOW + timedelta(hours=9), pause=True).seconds == 50 * 60


def test_what_was_seen_before_the_clock_was_set_back_stays() -> None:
    """A later look at an earlier time replaces nothing."""
    held = seen(moments(("started", 0), ("seen", 60)), "seen", NOW + timedelta(minutes=10))
    assert used(held, NOW + timedelta(minutes=10), pause=True) == (3600.0, True, True)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 min"), (3599, "59 min"), (3600, "1 h 00 min"), (9999, "2 h 46 min")]
)
def test_durations_are_for_people(seconds: int, words: str) -> None:
    """Hours and minutes."""
    assert told(seconds) == words
