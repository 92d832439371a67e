"""A plan is run through the same night as every other; which number is wrong shows in the phase that needs it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.checks.tracebuilder import calling, span

from assesskit.checks import rerun
from assesskit.checks.diagnosis import Objective
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.findings import Plan
from assesskit.checks.rerun import Night
from assesskit.checks.span_recording import Recording

OBJECTIVE = Objective(2000, {"a-b": ("b-c", "b-d"), "b-c": ("c-e",)}, ("b-d",), "a-b", ("a-b", "b-c", "b-d", "c-e"))
PLAN = Plan({"a-b": 2000, "b-c": 600, "b-d": 650, "c-e": 500}, {"b-d": 1}, 50, jitter=True, retry_budget=0.2)
NIGHT = Night("b-d", 300, 5, 400, 12, 5)
TOOK = {"a-b": 0.1, "b-c": 0.07, "b-d": 0.004, "c-e": 0.06}


def recorded(slow: float = 30.0) -> Recording:
    """Eight calls on each edge, of which six took longer than usual because of what has been repaired since."""
    spans = [span("1")]
    for number in range(8):
        for place, (edge, seconds) in enumerate(TOOK.items()):
            caller, _, callee = edge.partition("-")
            end = 10.0 + seconds * (1 if number < 2 else slow)
            spans.append(calling(f"{place}{number}", "1", callee, service=caller, start=10.0, end=end))
    return Recording(spans)


def judge(plan: Plan, night: Night = NIGHT) -> None:
    rerun.expect_objective(plan, OBJECTIVE, night, recorded(), Evidence())


def planned(edge: str, ms: float) -> Plan:
    return replace(PLAN, timeouts_ms={**PLAN.timeouts_ms, edge: ms})


def test_a_good_plan_survives_the_night() -> None:
    """In every phase."""
    judge(PLAN)


def test_the_night_is_the_same_every_time() -> None:
    """Its dice are fixed."""
    took = rerun.typical(recorded(), OBJECTIVE.edges)
    assert rerun.rerun(PLAN, OBJECTIVE, NIGHT, took) == rerun.rerun(PLAN, OBJECTIVE, NIGHT, took)


def test_what_was_waiting_for_something_broken_does_not_count() -> None:
    """A call takes what the quicker quarter took."""
    took = rerun.typical(recorded(), OBJECTIVE.edges)
    assert {edge: round(max(each), 3) for edge, each in took.items()} == {edge: ms * 1000 for edge, ms in TOOK.items()}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (planned("b-d", 300), "dependency is slow: 60 of 300 requests fail"),
        (planned("c-e", 50), "dependency is quiet: 300 of 300 requests fail"),
        (planned("a-b", 90), "dependency is quiet: 300 of 300 requests fail"),
        (replace(PLAN, retries={}), "dependency is flaky: 25 of 300 requests fail"),
        (replace(PLAN, retry_budget=0.0), "dependency is flaky: .* requests fail"),
        (replace(PLAN, retry_budget=1.0, retries={"b-d": 3}), r"dependency is dead: it is called 2\.0 times"),
        (replace(PLAN, retries={"b-d": 1, "a-b": 2}, retry_budget=0.5), "dependency is dead"),
        (replace(PLAN, timeouts_ms={**PLAN.timeouts_ms, "a-b": 9000}, backoff_ms=4000), "a customer waits"),
        (replace(PLAN, timeouts_ms={"a-b": 2000}), "no timeout for b-c"),
    ],
    ids=["tight", "tighter", "outside", "no retries", "no budget", "no bounds", "two layers", "long pauses", "gaps"],
)
def test_a_plan_that_does_not_survive_it_is_told_where(plan: Plan, told: str) -> None:
    """By the phase, and by what customers or the dependency get."""
    with pytest.raises(Failure, match=told):
        judge(plan)


def test_an_edge_that_was_not_recorded_is_our_fault() -> None:
    """Then there is nothing to draw from."""
    with pytest.raises(LookupError):
        rerun.typical(recorded(), ["x-y"])
