"""Rollout plans are carried out between two real servers: the wrong ones first, each found out by what shows it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
from tests.checks.moving import Monolith, Service, serving
from tests.checks.rolled import PLAN, SETTING, TERMS, traffic

from assesskit.checks import carrying_out, safe_plans
from assesskit.checks.carrying_out import Besides, Run, Scenario, carry_out, plan_of
from assesskit.checks.drawn import leave_differences
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.stalls import Stalls
from assesskit.checks.submitted import Submitted
from assesskit.instruments.migration import Found, Router, Setting, Sides
from assesskit.instruments.rollout_plan import RolloutPlan, read_rollout

LATENCY, ERROR, LATE, WRONG = safe_plans.faulty(TERMS).values()
HEALTHY, NOISY = safe_plans.healthy(TERMS)
FROM_THE_START = safe_plans.wrong_from_the_start(TERMS)


@dataclass
class Stage:
    router: Router
    monolith: Monolith
    service: Service

    def run(self, plan: str | RolloutPlan, scenario: Scenario, setting: Setting = SETTING, **more: object) -> Run:
        read = read_rollout(plan) if isinstance(plan, str) else plan
        besides = replace(Besides(lambda: "", lambda: "", lambda _: None), **more)  # type: ignore[arg-type]
        return carry_out(self.router, read, setting, traffic, scenario, besides)


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    running = Router.start()
    yield running
    running.stop()


@pytest.fixture
def stage(router: Router) -> Iterator[Stage]:
    with ExitStack() as stack:
        monolith = Monolith()
        service = Service(monolith, None)
        ports = [stack.enter_context(serving(one.answer)) for one in (monolith, service)]
        service._emit = lambda row, what: monolith.apply({"id": f"{row['id']}.{row['sequence']}", "data": row})  # type: ignore[method-assign]
        left_out = ("/id", "/items/*/id")
        router.lead(Sides(ports[0], ports[1], "header:X-Account", ("/v1/invoices",), volatile=left_out))
        yield Stage(router, monolith, service)
        router.steer("monolith")


def change(*changes: tuple[str, str], plan: str = PLAN) -> str:
    for old, new in changes:
        assert old in plan
        plan = plan.replace(old, new)
    return plan


JUMP = PLAN[: PLAN.index('[[stages]]\nmode = "canary"')] + PLAN[PLAN.index('[[stages]]\nmode = "primary"') :]
HASTY = change(
    ("minutes = 6", "minutes = 1"),
    ("minutes = 3", "minutes = 1"),
    ("minutes = 2", "minutes = 1"),
    ("window = 3\nmin_requests = 10", "window = 1\nmin_requests = 1"),
)
WRONG_PLANS = {
    "averages": (change(("p95_ms", "mean_ms")), LATENCY, "takes 600 ms longer was promoted to its end"),
    "never fires": (
        change(("window = 4\nmin_requests = 12", "window = 4\nmin_requests = 100000")),
        ERROR,
        "fails every other request was neither promoted nor rolled back within 29 minutes",
    ),
    "fires too late": (
        change(("window = 4\nmin_requests = 12", "window = 40\nmin_requests = 60")),
        ERROR,
        "fails every other request was rolled back too late, after",
    ),
    "fires on noise": (
        change(("min_requests = 12\nsuccess_rate = 0.85", "min_requests = 1\nsuccess_rate = 0.999")),
        NOISY,
        "one in 100 is slow was rolled back",
    ),
    "no bake time": (HASTY, LATE, "from 6 minutes after its first callers on was promoted to its end"),
    "jumps to 100 %": (JUMP, ERROR, "fails every other request was rolled back too late, after"),
    "blind to wrong values": (
        change(("differences = 0.02\n", ""), ("differences = 0.0\n", "")),
        WRONG,
        "answers a wrong value at /total was promoted to its end",
    ),
    "gate without differences": (
        change(("differences = 0.0\n", ""), ("differences = 0.02\n", ""), ('mode = "mirror"', 'mode = "mirror"')),
        FROM_THE_START,
        "from the first copy on was promoted to its end",
    ),
    "asks for more than there is": (
        change(("window = 3\nmin_requests = 10", "window = 3\nmin_requests = 1000")),
        HEALTHY,
        "a healthy service was neither promoted nor rolled back within 29 minutes",
    ),
}


def judge(run: Run, evidence: Evidence) -> None:
    if run.scenario.healthy:
        safe_plans.expect_promoted(run, TERMS, evidence)
    elif run.scenario is FROM_THE_START:
        safe_plans.expect_kept_away(run, TERMS, evidence)
    else:
        safe_plans.expect_rolled_back(run, TERMS, evidence)


@pytest.mark.parametrize("wrong", WRONG_PLANS)
def test_a_wrong_plan_is_found_out_by_what_shows_it(stage: Stage, wrong: str) -> None:
    plan, scenario, says = WRONG_PLANS[wrong]
    evidence = Evidence()
    run = stage.run(plan, scenario)
    with pytest.raises(Failure) as found:
        judge(run, evidence)
    assert says in found.value.summary
    assert "requests of callers were served ill; the budget is 18" in found.value.received
    assert evidence.collected()[0]["title"] == f"The rollout of {scenario.what}"


@pytest.mark.parametrize(
    "scenario", [HEALTHY, NOISY, LATENCY, ERROR, LATE, WRONG, FROM_THE_START], ids=lambda one: one.what
)
def test_a_plan_that_looks_long_enough_at_the_right_figures_is_safe(stage: Stage, scenario: Scenario) -> None:
    judge(stage.run(PLAN, scenario), Evidence())


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (PLAN[: PLAN.index("[rollback]")], r"the plan has no \[rollback\]"),
        (change(("success_rate = 0.9\ndifferences = 0.0", "success_rate = 0.0")), r"the \[gate\] cannot fail"),
        (change(("success_rate = 0.9\ndifferences = 0.0", "p99_ms = 30000")), r"the \[gate\] cannot fail"),
        (
            change(("success_rate = 0.85\np95_ms = 300\ndifferences = 0.02", "budget_burn = 100\ndifferences = 1")),
            r"the \[rollback\] cannot fail",
        ),
    ],
)
def test_a_limit_that_nothing_breaches_is_told_before_anything_runs(plan: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        safe_plans.expect_teeth(read_rollout(plan), SETTING)


def test_one_limit_that_bites_is_enough() -> None:
    safe_plans.expect_teeth(read_rollout(change(("success_rate = 0.9", "success_rate = 0.0"))), SETTING)


def test_a_rollout_leaves_its_minutes_as_lines_that_can_be_drawn(stage: Stage) -> None:
    evidence = Evidence()
    judge(stage.run(PLAN, WRONG), evidence)
    minutes, parity = evidence.collected()
    assert minutes["kind"] == parity["kind"] == "log"
    head, *rows = [json.loads(line) for line in minutes["data"]["lines"]]
    assert (head["drawn"], head["budget"], head["end"]) == ("rollout/1", 18, "roll back")
    assert [row["minute"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1]["reason"].startswith("differences is")
    head, *rows = [json.loads(line) for line in parity["data"]["lines"]]
    assert head == {"drawn": "parity/1", "count": sum(row["count"] for row in rows)}
    assert [(row["place"], row["monolith"], row["service"], row["played"]) for row in rows] == [
        ("/total", "1349", "1350", True)
    ]


def test_the_service_catches_up_before_accounts_change_sides_and_after_a_rollback(stage: Stage) -> None:
    called: list[str] = []

    def told(name: str) -> Callable[[], str]:
        return lambda: called.append(name) or ""  # type: ignore[func-returns-value]

    stage.run(PLAN, ERROR, handover=told("handover"), drained=told("drained"))
    assert called == ["handover", "drained"]
    called.clear()
    stage.run(HASTY, HEALTHY, handover=told("handover"), drained=told("drained"))
    assert called == ["handover"] * 3


def test_a_service_that_does_not_catch_up_fails_the_rollout(stage: Stage) -> None:
    with pytest.raises(Failure, match="minute 2 of a rollout, before its accounts changed sides: position 3 of 9"):
        stage.run(HASTY, HEALTHY, handover=lambda: "position 3 of 9")


def test_a_monolith_that_fails_costs_nobody_a_point(stage: Stage) -> None:
    stage.monolith.flaws.add("fails")
    with pytest.raises(Inconclusive, match="the monolith, which is ours, failed"):
        stage.run(HASTY, HEALTHY)


@pytest.mark.parametrize("flaw", ["garbage", "closes", "fails"])
def test_a_service_that_does_not_work_never_gets_a_caller(stage: Stage, flaw: str) -> None:
    stage.service.flaws.add(flaw)
    run = stage.run(HASTY, replace(HEALTHY, healthy=False))
    assert (run.end, run.live) == ("hold", 0)


def test_a_service_that_loses_minor_units_is_told_place_by_place(stage: Stage) -> None:
    stage.service.flaws.add("rounds")
    evidence = Evidence()
    run = stage.run(HASTY, HEALTHY, replace(SETTING, settle=1.0))
    with pytest.raises(Failure, match="a healthy service was neither promoted nor rolled back"):
        judge(run, evidence)
    rows = [json.loads(line) for line in evidence.collected()[1]["data"]["lines"][1:]]
    assert {row["place"] for row in rows} == {"/total", "/items/*/total"}
    assert rows[0]["monolith"] == "1349"
    assert rows[0]["service"] == "1300"


def test_a_service_that_answers_differently_each_time_never_gets_a_caller(stage: Stage) -> None:
    """Its answers are given time to become equal, a few times, and then no more."""
    stage.service.flaws.add("wavers")
    began = time.monotonic()
    run = stage.run(HASTY, HEALTHY, replace(SETTING, settle=1.0))
    assert (run.end, run.live) == ("hold", 0)
    assert {one.place for one in run.differences} == {"/at"}
    assert time.monotonic() - began < 60


def test_a_service_that_hangs_does_not_hang_the_rollout(stage: Stage) -> None:
    stage.service.flaws.add("silent")
    began = time.monotonic()
    run = stage.run(HASTY, HEALTHY, replace(SETTING, deadline=0.5))
    assert run.end == "hold"
    assert run.ways == ("no complete answer within 0.5 s", "no complete answer within 0.25 s")[: len(run.ways)]
    assert time.monotonic() - began < 90


def test_slow_answers_are_waited_for_and_quick_ones_are_not(stage: Stage) -> None:
    """Copies, too: whoever is slow where no caller waits takes the time of a check all the same."""
    waited: list[float] = []
    stage.run(HASTY, HEALTHY, waited=waited.append)
    assert sum(waited) < 0.5
    waited.clear()
    stage.service.flaws.add("slow")
    stage.run(HASTY, HEALTHY, replace(SETTING, slow_ms=100, healthy_ms=50), waited=waited.append)
    assert min(waited) > 0.2


@pytest.mark.parametrize("flaw", ["hiccups", "stands-back"])
@pytest.mark.parametrize(("stood", "ungraded"), [(2.0, True), (0.1, False)])
def test_what_is_late_while_the_machine_stands_still_is_no_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, flaw: str, stood: float, ungraded: bool
) -> None:
    """An answer, or what the monolith did before."""

    class Stood(Stalls):
        seconds, explained = stood, stood

    monkeypatch.setattr(carrying_out, "Stalls", Stood)
    stage.service.flaws.add(flaw)
    setting = replace(SETTING, deadline=0.7, settle=0.5)
    if ungraded:
        with pytest.raises(Inconclusive, match=r"answers came late, .* but this machine stood still for 2\.0 s"):
            stage.run(HASTY, HEALTHY, setting)
    else:
        run = stage.run(HASTY, HEALTHY, setting)
        assert run.ways == (("no complete answer within 0.7 s",) if flaw == "hiccups" else ())
        assert bool(run.differences) == (flaw == "stands-back")


def test_what_may_not_be_declared_is_refused() -> None:
    declared = '\n[[declared]]\nplace = "/lines/*/unit_cents"\nreason = "nobody needs these cents any more"'
    submitted = Submitted({"rollout.toml": (PLAN + declared).encode()}, {})
    assert plan_of(submitted, "rollout.toml").declared
    with pytest.raises(Failure, match=r"declared\[1\].place: /lines/\*/unit_cents may not differ"):
        plan_of(submitted, "rollout.toml", never=("status", "header:*", "*_cents"))
    with pytest.raises(Failure, match=r"there is no file rollout\.toml"):
        plan_of(Submitted({}, {}), "rollout.toml")
    with pytest.raises(Failure, match=r"cannot be carried out: gate.window: is 0"):
        plan_of(Submitted({"r": change(("window = 3", "window = 0")).encode()}, {}), "r")


def test_evidence_of_many_differences_is_short() -> None:
    found = [
        Found(1, "shadow", f"GET /v1/invoices/s{number}", f"/items/{number}/total", "1", "2", "", played=False)
        for number in range(300)
    ]
    evidence = Evidence()
    leave_differences(found, "Differences", evidence)
    (entry,) = evidence.collected()
    assert len(entry["data"]["lines"]) == 2
    many = [replace(one, place=f"/p{number}") for number, one in zip(itertools.count(), found, strict=False)]
    leave_differences(many, "Differences", evidence)
    assert len(evidence.collected()[1]["data"]["lines"]) == 100
    assert json.loads(evidence.collected()[1]["data"]["lines"][0])["drawn"] == "parity/1"
