"""A system under storms, deadlines and shortage: the small right shop meets everything, and each flaw shows alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.checks.shop import JOURNEY, LONGEST, Served, shop

from assesskit.checks import deadlines, saturation, storms
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call

__all__ = ["shop"]
Check = Callable[[Served], None]


def few_calls(one: Any) -> None:
    storms.expect_few_calls(one, one.relays["payments"], JOURNEY, Evidence())


def flaky(one: Any) -> None:
    storms.expect_flakiness_hidden(one, one.relays["payments"], JOURNEY, Evidence())


def recovery(one: Any) -> None:
    storms.expect_recovery(one, one.relays["payments"], JOURNEY, Evidence())


def said(one: Any) -> None:
    deadlines.expect_ends(one, one.relays["items"], one.relays["payments"], JOURNEY, 0.4, Evidence(), said=True)


def unsaid(one: Any) -> None:
    deadlines.expect_ends(one, one.relays["items"], one.relays["payments"], JOURNEY, LONGEST, Evidence(), said=False)


def pool(one: Any) -> None:
    saturation.expect_pool(one, one.relays["items"], JOURNEY, 4, 8, Evidence())


def queries(one: Any) -> None:
    saturation.expect_few_queries(one, one.relays["items"], JOURNEY, 3, Evidence())


def one_load(one: Any) -> None:
    saturation.expect_one_load(one, one.relays["items"], JOURNEY, 3, Evidence())


def side_by_side(one: Any) -> None:
    saturation.expect_side_by_side(one, one.relays["items"], JOURNEY, Evidence())


@pytest.mark.parametrize("check", [few_calls, flaky, recovery, said, unsaid, pool, queries, one_load, side_by_side])
def test_a_right_system_passes(shop, check: Check) -> None:
    """Retries with a budget, deadlines that travel, a pool with bounds, one load for all, lines side by side."""
    check(shop())


@pytest.mark.parametrize("check", [pool, one_load, side_by_side, flaky])
def test_limits_on_each_call_that_leave_room_for_what_the_brief_says_cost_nothing(shop, check: Check) -> None:
    """What takes its time takes no longer than the brief says a price may take."""
    check(shop("keeps limits"))


class Thrice:
    """A relay in front of a program that is asked three times by who stands before it."""

    name = "relay till"

    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def calls(self) -> list[Call]:
        return [each for one in self._behind.calls() for each in (one, one, one)]


def test_a_second_layer_of_retries_is_told_though_the_first_leaves_the_dead_alone(shop) -> None:
    """Whoever stands before it is counted as well."""
    one = shop()
    payments, before = one.relays["payments"], Thrice(one.relays["payments"])
    with pytest.raises(Failure, match=r"while payments failed every call, till was called [34] times for each request"):
        storms.expect_few_calls(one, payments, JOURNEY, Evidence(), before=[before])  # type: ignore[list-item]


def test_the_next_check_finds_a_system_that_serves(shop) -> None:
    """Or one that had its time for that."""
    one = shop()
    one.relays["payments"].everything(Fault.status(503))
    threading.Timer(0.6, one.relays["payments"].everything, [None]).start()
    began = time.monotonic()
    storms.settle(one, JOURNEY)
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    ("flaw", "check", "told"),
    [
        ("a storm", few_calls, "was called 9 times for each request"),
        ("no retries", flaky, "about 10 failed"),
        ("stays away", recovery, "was back, requests still fail"),
        ("deaf to deadlines", said, "whose time was over was answered 200"),
        ("waits for ever", unsaid, "was answered 200"),
        ("pool of one", pool, "it is called one after the other"),
        ("no pool", pool, "more often at the same time than it bears"),
        ("one by one", queries, "one thing costs 4 statements"),
        ("stampede", one_load, "loaded over and over"),
        ("one after the other", side_by_side, "as long as one after the other"),
        ("one after the other, cuts short", side_by_side, "was cut short"),
    ],
)
def test_each_flaw_is_told(shop, flaw: str, check: Check, told: str) -> None:
    """By the check that is about it, in words that say what was seen."""
    with pytest.raises(Failure, match=told):
        check(shop(*flaw.split(", ")))


def test_evidence_keeps_all_calls_of_a_request_or_none(shop) -> None:
    """A storm has more calls than there is room for; half a request would look like a mild one."""
    one, evidence = shop("a storm"), Evidence()
    with pytest.raises(Failure):
        storms.expect_few_calls(one, one.relays["payments"], JOURNEY, evidence)
    calls = next(each for each in evidence.collected() if each["kind"] == "relay")["data"]["calls"]
    counts = Counter(call["key"] for call in calls)
    assert 1 <= len(counts) <= 100 // 9
    assert set(counts.values()) == {9}
