"""The router carries a plan out: what it reads, what it decides, and what it records."""

from __future__ import annotations

from itertools import cycle

import pytest

from assesskit.instruments.router import Minute, Outcome, PlanError, carry_out, decide, read_plan

PLAN = """
[[steps]]
percent = 10
minutes = 3
[[steps]]
percent = 50
minutes = 2
[gate]
window = 2
min_requests = 15
success_rate = 0.9
[rollback]
window = 2
min_requests = 15
success_rate = 0.8
p90_ms = 100
"""
GOOD, BAD, SLOW = Outcome(good=True, ms=10), Outcome(good=False, ms=10), Outcome(good=True, ms=300)


def minutes(*outcomes: list[Outcome]) -> list[Minute]:
    return [Minute(each) for each in outcomes]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("percent = 50", "percent = 10"), "each step takes more"),
        (("percent = 50", "percent = 101"), r"steps\[2\].percent"),
        (("percent = 50", "percent = nan"), r"steps\[2\].percent"),
        (("minutes = 3", "minutes = 0"), r"steps\[1\].minutes"),
        (("minutes = 3", "minutes = true"), "whole number"),
        (("minutes = 3", "minutes = 179"), "180 minutes"),
        (("window = 2", "window = 0"), "window: must be a whole number from 1 to 60"),
        (("success_rate = 0.9", "successes = 0.9"), "gate.successes: is not known"),
        (("success_rate = 0.9\n", ""), "names no metric"),
        (("p90_ms", "p100_ms"), "is not known"),
        (("[gate]", "[gates]"), "gates: is not known"),
        (("[[steps]]", "x = " + "[" * 5000), "no TOML"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_with_its_reason(change: tuple[str, str], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_plan(PLAN.replace(*change))


def test_a_plan_without_steps_or_gate_is_refused() -> None:
    with pytest.raises(PlanError, match="steps"):
        read_plan(PLAN[PLAN.index("[gate]") :])
    with pytest.raises(PlanError, match="gate"):
        read_plan(PLAN[: PLAN.index("[gate]")])


def test_a_step_is_held_until_its_minutes_are_over() -> None:
    assert decide(read_plan(PLAN), 0, 2, minutes([GOOD] * 20, [GOOD] * 20))[0] == "hold"
    assert decide(read_plan(PLAN), 0, 3, minutes([GOOD] * 20, [GOOD] * 20))[0] == "promote"


def test_the_gate_stays_shut_for_too_few_requests_and_for_failures() -> None:
    few = decide(read_plan(PLAN), 0, 3, minutes([GOOD] * 100, [GOOD], [GOOD]))
    failing = decide(read_plan(PLAN), 0, 3, minutes([GOOD] * 17 + [BAD] * 3))
    assert few == ("hold", "2 requests in 2 minutes: the gate needs 15")
    assert failing == ("hold", "the gate is shut: success_rate is 0.8500 over 20 requests, below 0.9")


def test_a_breach_rolls_back_in_the_middle_of_a_step_and_only_its_window_counts() -> None:
    assert decide(read_plan(PLAN), 0, 1, minutes([GOOD] * 10 + [BAD] * 10))[0] == "roll back"
    assert decide(read_plan(PLAN), 0, 3, minutes([BAD] * 20, [GOOD] * 20, [GOOD] * 20))[0] == "promote"


def test_too_few_requests_never_roll_back() -> None:
    assert decide(read_plan(PLAN), 0, 1, minutes([BAD] * 14))[0] == "hold"


def test_a_percentile_is_breached_by_more_slow_requests_than_it_leaves_out() -> None:
    assert decide(read_plan(PLAN), 0, 3, minutes([GOOD] * 18 + [SLOW] * 2))[0] == "promote"
    assert decide(read_plan(PLAN), 0, 3, minutes([GOOD] * 17 + [SLOW] * 3))[0] == "roll back"


def test_a_mean_is_what_it_is_called() -> None:
    plan = read_plan(PLAN.replace("p90_ms", "mean_ms"))
    assert decide(plan, 0, 3, minutes([GOOD] * 14 + [SLOW] * 6))[0] == "promote"
    assert decide(plan, 0, 3, minutes([GOOD] * 10 + [SLOW] * 10))[0] == "roll back"


def test_a_good_version_is_led_through_every_step_with_its_share_of_the_requests() -> None:
    run = carry_out(read_plan(PLAN), lambda: GOOD, per_minute=100, bad=lambda one: not one.good)
    assert (run.end, run.minutes, run.requests, run.bad) == ("promote", 5, 3 * 10 + 2 * 50, 0)
    assert [(each.minute, each.percent) for each in run.decisions if each.action == "promote"] == [(3, 10), (5, 50)]


def test_a_bad_version_is_taken_back_and_what_it_spoilt_is_counted() -> None:
    answers = cycle([GOOD, BAD])
    run = carry_out(read_plan(PLAN), lambda: next(answers), per_minute=100, bad=lambda one: not one.good)
    assert (run.end, run.minutes, run.requests, run.bad) == ("roll back", 2, 20, 10)


def test_without_a_trigger_a_bad_version_is_held_until_time_is_up() -> None:
    plan = read_plan(PLAN[: PLAN.index("[rollback]")])
    run = carry_out(plan, lambda: BAD, per_minute=100, bad=lambda one: not one.good)
    assert (run.end, run.minutes) == ("hold", 180)
    assert len(run.decisions) == 2


def test_shares_below_one_request_a_minute_add_up() -> None:
    run = carry_out(read_plan(PLAN), lambda: GOOD, per_minute=5, bad=lambda one: not one.good)
    assert run.end == "hold"
    assert run.requests == 180 // 2
