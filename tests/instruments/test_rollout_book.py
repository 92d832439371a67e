"""A rollout minute by minute, without any request."""

from __future__ import annotations

import time

from assesskit.instruments.migration import Played, Setting
from assesskit.instruments.rollout_book import Book, Faults, share_of
from assesskit.instruments.rollout_plan import MOST_MINUTES, read_rollout
from assesskit.instruments.rollout_window import Answer

PLAN = """
[[stages]]
mode = "canary"
percent = 10
minutes = 1
[[stages]]
mode = "primary"
minutes = 1
[gate]
window = 1
min_requests = 1
success_rate = 0.9
"""
GOOD, BAD = Answer(good=True, ms=5), Answer(good=False, ms=5)


def book(plan: str = PLAN) -> Book:
    return Book(read_rollout(plan), Setting(objective=0.9, slow_ms=100, healthy_ms=50))


def test_a_rollout_ends_with_its_last_promotion() -> None:
    rollout = book()
    rollout.answered(GOOD, live=True, spoilt=False)
    assert (rollout.minute(()).ended, rollout.ended) == (False, None)
    rollout.answered(GOOD, live=True, spoilt=False)
    assert (rollout.minute(()).ended, rollout.ended) == (True, "promote")


def test_a_rollout_whose_time_is_up_is_not_promoted_by_its_last_minute() -> None:
    rollout = book()
    rows = []
    for minute in range(1, 10):
        rollout.answered(GOOD if minute == 9 else BAD, live=True, spoilt=False)
        rows.append(rollout.minute(()))
    assert [row.ended for row in rows] == [False] * 8 + [True]
    assert (rows[-1].action, rows[-1].reason, rollout.ended) == ("hold", "time is up before the next stage", "hold")


def test_what_is_slow_is_waited_for_and_side_by_side_once(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    rollout = book()
    rollout.waited_for(90)
    assert rollout.waiting_since() == (0, 0)
    rollout.waited_for(2100)
    rollout.waited_for(2100)
    rollout.too_late()
    now[0] = 101.0
    rollout.waited_for(1600)
    seconds, late = rollout.waiting_since()
    assert (round(seconds, 6), late) == (3.0, 1)
    assert rollout.waiting_since() == (0, 0)


def test_what_only_we_know_to_be_wrong_is_bad_and_moves_no_figure_of_the_plan() -> None:
    rollout = book()
    for answer, spoilt in ((GOOD, True), (GOOD, False), (Answer(good=True, ms=500), False), (BAD, False)):
        rollout.answered(answer, live=True, spoilt=spoilt)
    rollout.answered(Answer(good=True, ms=5, differs=True, counted=False), live=False, spoilt=False)
    row = rollout.minute((Played("value", place="/total"), Played("error")))
    assert (row.live, row.bad, row.requests, row.success, row.differing, row.fault) == (
        4,
        3,
        4,
        0.75,
        1,
        "value, error",
    )
    assert row.burn == 5.0


def test_the_longest_rollout_fits_into_its_evidence() -> None:
    longest = PLAN.replace("minutes = 1", f"minutes = {MOST_MINUTES // 2}")
    rollout = book(longest)
    minutes = 0
    while rollout.ended is None:
        rollout.answered(BAD, live=True, spoilt=False)
        rollout.minute(())
        minutes += 1
    assert minutes <= 99


def test_ways_to_fail_are_told_once_and_not_without_end() -> None:
    rollout = book()
    for number in range(100):
        rollout.answered(BAD, live=False, spoilt=False, error=f"way {number % 50}")
    assert rollout.ways == [f"way {number}" for number in range(12)]


def test_faults_hit_the_same_requests_of_an_account_whatever_others_do() -> None:
    def hits(*accounts: str) -> list[int]:
        faults = Faults()
        faults.begin(7)
        faults.playing = (Played("error", share=0.3),)
        return [number for number, account in enumerate(accounts) if faults.next(account) and account == "a"]

    alone = hits(*["a"] * 40)
    assert 5 < len(alone) < 20
    among = hits(*["a", "b"] * 40)
    assert [number // 2 for number in among] == alone


def test_shares_are_spread_evenly() -> None:
    shares = [share_of(f"account|{number}") for number in range(4000)]
    for tenth in range(10):
        assert 320 < sum(tenth / 10 <= share < (tenth + 1) / 10 for share in shares) < 480
