from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assesskit.errors import GraderError
from assesskit.model import CheckOutcome, Criterion, CriterionResult, Observation
from assesskit.scoring import at_most, judge, score

OUTCOMES: tuple[CheckOutcome, ...] = ("passed", "failed", "errored", "inconclusive", "skipped")


def criterion(name: str = "a.one", points: int = 1, **changes) -> Criterion:
    words = {key: key for key in ("title", "competency", "explanation", "feedback", "interviewer")}
    return Criterion(**{"id": name, "points": points, "questions": (), **words, **changes})


def observed(outcome: CheckOutcome, check: str = "c", criterion: str = "a.one", summary: str = "") -> Observation:
    return Observation(check=check, criterion=criterion, visibility="hidden", outcome=outcome, summary=summary)


def one(*observations: Observation, planned: tuple[str, ...] = ("c",), **why: str) -> CriterionResult:
    return judge([criterion()], {"a.one": planned}, observations, **why)[0]


def test_met_when_every_check_passed():
    result = one(observed("passed", "c"), observed("passed", "d"), planned=("c", "d"))
    assert (result.verdict, result.reason) == ("met", "all 2 checks passed")


def test_not_met_when_one_check_failed_and_the_reason_is_what_it_saw():
    result = one(observed("passed", "c"), observed("failed", "d", summary="got 500"), planned=("c", "d"))
    assert (result.verdict, result.reason) == ("not_met", "got 500")


def test_a_fault_of_ours_wins_over_a_failure():
    result = one(observed("failed", "c"), observed("errored", "d", summary="a relay broke"), planned=("c", "d"))
    assert (result.verdict, result.reason) == ("ungraded", "a check of ours broke: a relay broke")


@pytest.mark.parametrize("outcome", ["inconclusive", "skipped"])
def test_a_proven_failure_wins_over_what_could_not_be_told(outcome):
    result = one(
        observed(outcome, "c", summary="too noisy"), observed("failed", "d", summary="500"), planned=("c", "d")
    )
    assert (result.verdict, result.reason) == ("not_met", "500")


@pytest.mark.parametrize("outcome", ["inconclusive", "skipped"])
def test_what_could_not_be_told_wins_over_what_passed(outcome):
    result = one(observed("passed", "c"), observed(outcome, "d", summary="too noisy"), planned=("c", "d"))
    assert result.verdict == "ungraded"
    assert "too noisy" in result.reason


def test_nothing_planned_and_nothing_seen_is_ungraded_even_when_the_submission_failed():
    assert one(planned=(), prevented="does not build").verdict == "ungraded"


def test_a_planned_check_that_reported_nothing_leaves_its_criterion_ungraded():
    result = one(observed("passed", "c"), planned=("c", "d"))
    assert (result.verdict, result.reason) == ("ungraded", "d reported nothing")


def test_what_the_submissions_failure_prevented_is_not_met_with_its_reason():
    result = one(observed("passed", "c"), planned=("c", "d"), prevented="it exited with status 1")
    assert (result.verdict, result.reason) == ("not_met", "it exited with status 1")


def test_what_was_complete_before_the_submission_failed_keeps_its_verdict():
    assert one(observed("passed"), prevented="it was killed").verdict == "met"


def test_a_fault_of_ours_wins_over_the_submissions_failure():
    result = one(prevented="it exited", fault="the engine went away")
    assert (result.verdict, result.reason) == ("ungraded", "the engine went away")


def test_what_was_complete_before_a_fault_of_ours_keeps_its_verdict():
    assert one(observed("failed"), fault="the engine went away").verdict == "not_met"


def test_a_fault_of_ours_hides_a_failure_while_other_checks_are_missing():
    assert one(observed("failed", "c"), planned=("c", "d"), fault="the engine went away").verdict == "ungraded"


def test_a_parametrised_check_may_be_planned_by_its_bare_name():
    assert one(observed("passed", "c[1]"), observed("passed", "c[2]")).verdict == "met"


def test_a_check_whose_name_begins_alike_is_another_check():
    assert one(observed("passed", "cc")).verdict == "ungraded"


def test_a_judged_criterion_awaits_a_person_whatever_else_happened():
    judged = criterion(kind="judged", anchors=("0", "1", "2", "3"))
    result = judge([judged], {}, [], prevented="does not build")[0]
    assert (result.verdict, result.reason) == ("ungraded", "awaits review by a person")


def test_an_observation_of_an_unknown_criterion_is_a_broken_grader():
    with pytest.raises(GraderError, match=r"a\.two"):
        one(observed("failed", criterion="a.two"))


def test_points_are_out_of_what_could_be_judged_and_the_rest_is_named():
    criteria = [criterion("a.one", 5), criterion("a.two", 3), criterion("a.three", 2)]
    planned = {item.id: ("c",) for item in criteria}
    seen = [observed("passed", criterion="a.one"), observed("failed", criterion="a.two")]
    result = score(judge(criteria, planned, seen))
    assert (result.earned, result.judged, result.total, result.missing) == (5, 8, 10, ("a.three",))


IDS = ("a.one", "a.two", "b.one")
CHECKS = ("c", "d")
CRITERIA = tuple(criterion(name, points) for points, name in enumerate(IDS, start=1))
PLANNED = dict.fromkeys(IDS, CHECKS)
runs = st.dictionaries(
    st.tuples(st.sampled_from(IDS), st.sampled_from(CHECKS)), st.sampled_from(OUTCOMES), max_size=len(IDS) * len(CHECKS)
)
reasons = st.none() | st.just("because")


def run(outcomes: dict[tuple[str, str], CheckOutcome]) -> list[Observation]:
    return [observed(outcome, check, name) for (name, check), outcome in outcomes.items()]


@given(runs, reasons, reasons, st.randoms(use_true_random=False))
def test_the_order_of_observations_changes_nothing(outcomes, prevented, fault, random):
    seen = run(outcomes)
    shuffled = random.sample(seen, len(seen))
    first = judge(CRITERIA, PLANNED, seen, prevented=prevented, fault=fault)
    assert first == judge(CRITERIA, PLANNED, shuffled, prevented=prevented, fault=fault)


@given(runs, reasons, reasons, st.data())
def test_turning_a_verdict_of_a_check_into_one_that_could_not_tell_never_loses_a_point(
    outcomes, prevented, fault, data
):
    def lost(outcomes: dict[tuple[str, str], CheckOutcome]) -> int:
        result = score(judge(CRITERIA, PLANNED, run(outcomes), prevented=prevented, fault=fault))
        return result.judged - result.earned

    told = sorted(key for key, outcome in outcomes.items() if outcome in ("passed", "failed"))
    if told:
        unsure = data.draw(st.sampled_from(["errored", "inconclusive", "skipped"]))
        assert lost({**outcomes, data.draw(st.sampled_from(told)): unsure}) <= lost(outcomes)


@given(runs, reasons, reasons)
def test_a_fault_of_ours_never_costs_a_point_that_its_absence_would_not(outcomes, prevented, fault):
    without = score(judge(CRITERIA, PLANNED, run(outcomes), prevented=prevented))
    with_fault = score(judge(CRITERIA, PLANNED, run(outcomes), prevented=prevented, fault=fault))
    assert with_fault.judged - with_fault.earned <= without.judged - without.earned
    assert with_fault.earned == without.earned


@given(runs, st.data())
def test_a_failed_check_that_passes_instead_never_lowers_the_score(outcomes, data):
    failed = [key for key, outcome in outcomes.items() if outcome == "failed"]
    if failed:
        better = {**outcomes, data.draw(st.sampled_from(failed)): "passed"}
        before, after = (score(judge(CRITERIA, PLANNED, run(outcome))) for outcome in (outcomes, better))
        assert after.earned >= before.earned
        assert after.judged - after.earned <= before.judged - before.earned


@given(runs, reasons, reasons)
def test_points_always_add_up(outcomes, prevented, fault):
    results = judge(CRITERIA, PLANNED, run(outcomes), prevented=prevented, fault=fault)
    result = score(results)
    assert [item.criterion for item in results] == list(CRITERIA)
    missing = sum(item.points for item in CRITERIA if item.id in result.missing)
    assert 0 <= result.earned <= result.judged
    assert result.judged + missing == result.total


@given(st.integers(1, 400).flatmap(lambda graded: st.tuples(st.integers(0, graded - 1), st.just(graded))))
def test_a_rate_is_bounded_where_so_few_wrong_verdicts_would_be_seen_once_in_twenty(seen: tuple[int, int]):
    """The bound is the root of the binomial tail it is defined by (Clopper and Pearson)."""
    wrong, graded = seen
    rate = at_most(wrong, graded)
    tail = sum(math.comb(graded, k) * rate**k * (1 - rate) ** (graded - k) for k in range(wrong + 1))
    assert tail == pytest.approx(0.05, rel=1e-6)
    assert wrong / graded < rate < 1


def test_without_a_right_verdict_any_rate_is_possible():
    assert at_most(0, 0) == 1.0
    assert at_most(3, 3) == 1.0
