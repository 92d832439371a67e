"""The rollout plan, carried out by our router, with faults of our choosing."""

from __future__ import annotations

import pytest

from assesskit.checks import carrying_out, safe_plans
from assesskit.checks.moved_rollout import Rollouts, expect_consistent
from assesskit.checks.moved_silence import expect_silent

PLAN = "rollout.toml"
KINDS = ("latency", "error", "late", "correctness")


@pytest.fixture(scope="module")
def rollouts(world):
    """The router between both sides."""
    return Rollouts(world)


@pytest.fixture
def plan(submitted, rollouts):
    """The plan that was handed in."""
    return carrying_out.plan_of(submitted, PLAN, never=rollouts.move.moving.never)


@pytest.mark.criterion("rollout.shadow-silent")
def test_copies_leave_nothing_behind(rollouts, evidence) -> None:
    """No thing, no state, no key, no event."""
    expect_silent(rollouts, evidence)


@pytest.mark.criterion("rollout.promotes")
def test_a_healthy_service_reaches_everybody(rollouts, plan, evidence) -> None:
    """Every gate opens."""
    safe_plans.expect_promoted(rollouts.undisturbed(plan), rollouts.wording.terms, evidence)


@pytest.mark.criterion("rollout.no-false-alarm")
def test_noise_takes_nothing_back(rollouts, plan, evidence) -> None:
    """What always fails now and then does not end a rollout."""
    terms = rollouts.wording.terms
    _, noisy = safe_plans.healthy(terms)
    safe_plans.expect_promoted(rollouts.run(plan, noisy), terms, evidence)


@pytest.mark.criterion("rollout.rolls-back")
def test_the_plan_tells_right_from_wrong(rollouts, plan, evidence) -> None:
    """Its gate and its trigger have teeth, and a healthy service reaches everybody: to take all back shows nothing."""
    safe_plans.expect_teeth(plan, rollouts.wording.setting)
    safe_plans.expect_promoted(rollouts.undisturbed(plan), rollouts.wording.terms, evidence)


@pytest.mark.criterion("rollout.rolls-back")
@pytest.mark.parametrize("kind", KINDS)
def test_a_faulty_service_is_taken_back(rollouts, plan, kind, evidence) -> None:
    """Before it served too many ill."""
    terms = rollouts.wording.terms
    safe_plans.expect_rolled_back(rollouts.run(plan, safe_plans.faulty(terms)[kind]), terms, evidence)


@pytest.mark.criterion("rollout.rolls-back")
def test_a_service_whose_copies_are_wrong_gets_no_caller(rollouts, plan, evidence) -> None:
    """The gate stays shut."""
    terms = rollouts.wording.terms
    scenario = safe_plans.wrong_from_the_start(terms)
    safe_plans.expect_kept_away(rollouts.run(plan, scenario), terms, evidence)


@pytest.mark.criterion("rollout.rollback-consistent")
def test_what_the_service_wrote_is_there_after_a_rollback(rollouts, evidence) -> None:
    """Everything that callers were told is in the monolith."""
    expect_consistent(rollouts, evidence)
