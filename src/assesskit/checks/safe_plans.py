"""Whether a plan promotes a healthy service, bears noise, and takes back what is faulty before it costs too much.

The faults are those that plans are wrong about: a mean hides a slow seventh, a success rate hides a wrong value, a
short stage hides what shows itself late, and a share of all callers at once spends the budget in a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assesskit.checks.carrying_out import Run, Scenario, leave
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.instruments.migration import Played, Setting
from assesskit.instruments.rollout_plan import RolloutPlan
from assesskit.instruments.rollout_window import metrics, toothless

SHOWN = 12
"""Decisions that a feedback text tells."""


@dataclass(frozen=True)
class Terms:
    """What the brief promises: how many callers a rollout may serve ill; how late a fault may show itself, in minutes
    after the first caller is the service's; how much longer a slow answer takes; and where a wrong value is, which no
    plan may declare away.
    """

    budget: int
    late: int
    slower_ms: float
    place: str


def healthy(terms: Terms) -> tuple[Scenario, ...]:
    """What must be promoted: a service that does well, and one that is as noisy as all are."""
    noise = (Played("error", share=1 / 150), Played("latency", share=1 / 100, ms=terms.slower_ms))
    return (
        Scenario("a healthy service", healthy=True),
        Scenario(
            "a healthy service with noise: one request in 150 fails, one in 100 is slow",
            healthy=True,
            faults=noise,
            begins="shadow",
        ),
    )


def faulty(terms: Terms) -> dict[str, Scenario]:
    """What must be rolled back, by kind of fault."""
    slow, late = terms.slower_ms, terms.late
    return {
        "latency": Scenario(
            f"a service of which one answer in six takes {slow:g} ms longer",
            healthy=False,
            faults=(Played("latency", share=1 / 6, ms=slow),),
        ),
        "error": Scenario(
            "a service that fails every other request", healthy=False, faults=(Played("error", share=1 / 2),)
        ),
        "late": Scenario(
            f"a service that fails every fourth request from {late} minutes after its first callers on",
            healthy=False,
            faults=(Played("error", share=1 / 4),),
            after=late,
        ),
        "correctness": Scenario(
            f"a service that answers a wrong value at {terms.place}",
            healthy=False,
            faults=(Played("value", place=terms.place),),
        ),
    }


def wrong_from_the_start(terms: Terms) -> Scenario:
    """What no caller may ever get to see: copies show that it is wrong."""
    return Scenario(
        f"a service that answers a wrong value at {terms.place} from the first copy on",
        healthy=False,
        faults=(Played("value", place=terms.place),),
        begins="shadow",
    )


def expect_teeth(plan: RolloutPlan, setting: Setting) -> None:
    """The gate and the trigger can fail at all. Raises Failure."""
    for name, gate in (("gate", plan.gate), ("rollback", plan.rollback)):
        if gate is None:
            raise Failure(
                f"the plan has no [{name}]: whatever happens, it goes on",
                expected="a trigger that takes the rollout back within the error budget",
            )
        dull = toothless(gate, setting.objective, setting.deadline * 1000)
        if len(dull) == metrics(gate):
            raise Failure(
                f"the [{name}] cannot fail",
                received="\n".join(dull),
                expected="at least one limit that a bad service is on the wrong side of",
            )


def expect_promoted(run: Run, terms: Terms, evidence: Evidence) -> None:
    """A service that is fit reaches primary and stays there until the plan's end. Raises Failure."""
    leave(run, evidence, terms.budget)
    if run.end != "promote":
        raise _wrong(run, terms, "promoted to its end")


def expect_rolled_back(run: Run, terms: Terms, evidence: Evidence) -> None:
    """A service that is faulty is taken back before it served too many callers ill. Raises Failure."""
    leave(run, evidence, terms.budget)
    if run.end != "roll back" or run.bad > terms.budget:
        raise _wrong(run, terms, f"rolled back before more than {terms.budget} requests of callers were served ill")


def expect_kept_away(run: Run, terms: Terms, evidence: Evidence) -> None:
    """A service whose copies are wrong answers no caller at all. Raises Failure."""
    leave(run, evidence, terms.budget)
    if run.live:
        raise _wrong(run, terms, "the gate stays shut before the first caller gets its answers")


def _wrong(run: Run, terms: Terms, expected: str) -> Failure:
    lines = told(run)
    return Failure(
        f"{run.scenario.what} {_ended(run, terms)}",
        sent=f"a rollout by the plan: {len(run.rows)} minutes, {sum(row.requests for row in run.rows)} requests",
        received="\n".join(
            [*lines, f"{run.bad} of {run.live} requests of callers were served ill; the budget is {terms.budget}"]
        ),
        expected=expected,
    )


def _ended(run: Run, terms: Terms) -> str:
    if run.end == "promote":
        early = not run.scenario.healthy and not run.bad
        return "was promoted to its end" + (
            ", before it served anybody ill: nobody watches it any more" if early else ""
        )
    if run.end == "hold":
        return f"was neither promoted nor rolled back within {len(run.rows)} minutes"
    if not run.scenario.healthy and run.bad > terms.budget:
        return f"was rolled back too late, after {run.bad} requests of callers were served ill"
    if not run.scenario.healthy and run.live:
        return f"was rolled back after it had answered {run.live} requests of callers"
    return "was rolled back"


def told(run: Run) -> list[str]:
    """What was decided, in lines: every promotion, the end, and each reason to wait once a stage."""
    lines: list[str] = []
    stage: tuple[str, float] | None = None
    for row in run.rows:
        now = (row.mode, row.percent)
        share = f" {row.percent:g} %" if row.mode == "canary" else ""
        if row.action != "hold" or now != stage or row.ended:
            lines.append(f"minute {row.minute}, {row.mode}{share}: {row.action}: {row.reason}")
        stage = now
    return _shortened(lines)


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= SHOWN:
        return list(lines)
    return [*lines[: SHOWN // 2], "…", *lines[-SHOWN // 2 :]]
