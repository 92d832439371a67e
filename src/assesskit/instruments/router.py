"""The router: carries out a rollout plan, minute by minute of the plan's own time, and records every decision.

A plan leads callers from the version that runs to a new one in steps, and says when to go on and when to go back. What
a version does with a request is asked of a function, so the same router plays back answers that were measured before,
or sends every request on. `decide` is pure: a plan, a step, and what the new version did so far, give one decision.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

MOST_STEPS = 20
MOST_MINUTES = 180
LONGEST_WINDOW = 60
MOST_METRICS = 5
LATENCY = re.compile(r"(?:p([1-9][0-9](?:\.[0-9])?)|mean)_ms")
SHOWN = 60
"""Characters of a value that a message repeats."""

Action = Literal["promote", "hold", "roll back"]


class PlanError(Exception):
    """A plan that cannot be carried out; the message says which key, and why."""


@dataclass(frozen=True)
class Outcome:
    """What became of one request to the new version: answered without a 5xx or not, and after how many ms."""

    good: bool
    ms: float


class Minute:
    """What the new version did in one minute of the plan, counted once."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.requests = len(outcomes)
        self.good = sum(outcome.good for outcome in outcomes)
        self.total_ms = sum(outcome.ms for outcome in outcomes)
        self._outcomes = outcomes
        self._over: dict[float, int] = {}

    def over(self, limit: float) -> int:
        """Return how many took longer than `limit` ms."""
        if limit not in self._over:
            self._over[limit] = sum(outcome.ms > limit for outcome in self._outcomes)
        return self._over[limit]


@dataclass(frozen=True)
class Step:
    """A share of all requests, in percent, for at least so many minutes."""

    percent: float
    minutes: int


@dataclass(frozen=True)
class Rule:
    """What must hold of the new version's requests in the newest `window` minutes; nothing is said of fewer than
    `min_requests`. `latency` maps a metric (p95_ms, mean_ms) to its highest value in ms.
    """

    window: int
    min_requests: int
    success_rate: float | None
    latency: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """Steps in order; the gate that must hold to leave one; the rule whose breach ends the rollout at any minute."""

    steps: tuple[Step, ...]
    gate: Rule
    rollback: Rule | None


@dataclass(frozen=True)
class Decision:
    """What was decided at the end of a minute, at which share, and why."""

    minute: int
    percent: float
    action: Action
    reason: str


@dataclass(frozen=True)
class Rollout:
    """How a rollout went: `end` is the last decision's action ("hold": it was still under way when time was up).

    `requests` went to the new version; `bad` of them failed or were slower than callers accept.
    """

    end: Action
    minutes: int
    requests: int
    bad: int
    decisions: tuple[Decision, ...]


def read_plan(text: str) -> Plan:
    """Read a plan from TOML. Raises PlanError."""
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise PlanError(f"it is no TOML: {str(error)[:200] or 'nested too deeply'}") from None
    _known(told, {"steps", "gate", "rollback"}, "")
    steps = told.get("steps")
    if not isinstance(steps, list) or not 0 < len(steps) <= MOST_STEPS:
        raise PlanError(f"steps: 1 to {MOST_STEPS} tables [[steps]] are needed")
    read = tuple(_step(step, f"steps[{number}]") for number, step in enumerate(steps, 1))
    for earlier, later in pairwise(read):
        if later.percent <= earlier.percent:
            raise PlanError(f"steps: {later.percent:g} percent follows {earlier.percent:g}; each step takes more")
    if sum(step.minutes for step in read) > MOST_MINUTES:
        raise PlanError(f"steps: all together take at most {MOST_MINUTES} minutes")
    if "gate" not in told:
        raise PlanError("gate: there is none, so nothing decides whether a step went well")
    rollback = _rule(told["rollback"], "rollback") if "rollback" in told else None
    return Plan(read, _rule(told["gate"], "gate"), rollback)


def decide(plan: Plan, step: int, minutes: int, seen: Sequence[Minute]) -> tuple[Action, str]:
    """Decide at the end of a minute: `minutes` have passed in `step`, `seen` is the whole rollout minute by minute."""
    if plan.rollback is not None and (breach := _breach(plan.rollback, seen)):
        return "roll back", breach
    if minutes < plan.steps[step].minutes:
        return "hold", "the step is not over"
    newest = sum(minute.requests for minute in seen[-plan.gate.window :])
    if newest < plan.gate.min_requests:
        return "hold", f"{newest} requests in {plan.gate.window} minutes: the gate needs {plan.gate.min_requests}"
    if breach := _breach(plan.gate, seen):
        return "hold", f"the gate is shut: {breach}"
    return "promote", "the gate holds"


def carry_out(
    plan: Plan, version: Callable[[], Outcome], *, per_minute: int, bad: Callable[[Outcome], bool]
) -> Rollout:
    """Carry a plan out with `per_minute` requests in all, of which each step's share goes to `version`."""
    seen: list[Minute] = []
    decisions: list[Decision] = []
    at = since = spoilt = 0
    owed = 0.0
    action: Action = "hold"
    held: list[str] = []
    for minute in range(1, MOST_MINUTES + 1):
        step = plan.steps[at]
        owed += per_minute * step.percent / 100
        outcomes = [version() for _ in range(math.floor(owed))]
        owed -= len(outcomes)
        spoilt += sum(map(bad, outcomes))
        seen.append(Minute(outcomes))
        action, reason = decide(plan, at, minute - since, seen)
        if action != "hold" or _kind(reason) not in map(_kind, held):
            decisions.append(Decision(minute, step.percent, action, reason))
            held.append(reason)
        if action == "roll back" or (action == "promote" and at + 1 == len(plan.steps)):
            break
        if action == "promote":
            at, since = at + 1, minute
            held.clear()
    return Rollout(action, len(seen), sum(minute.requests for minute in seen), spoilt, tuple(decisions))


def _kind(reason: str) -> str:
    """Return a reason without its figures: one that was given in this step is not repeated every minute."""
    return re.sub(r"[0-9.]+", "", reason)


def _breach(rule: Rule, seen: Sequence[Minute]) -> str:
    """Say which metric does not hold; empty when all do, or when there are too few requests to tell."""
    newest = seen[-rule.window :]
    count = sum(minute.requests for minute in newest)
    if not count or count < rule.min_requests:
        return ""
    good = sum(minute.good for minute in newest) / count
    if rule.success_rate is not None and good < rule.success_rate:
        return f"success_rate is {good:.4f} over {count} requests, below {rule.success_rate:g}"
    for metric, limit in rule.latency.items():
        found = LATENCY.fullmatch(metric)
        if found is None or found[1] is None:
            mean = sum(minute.total_ms for minute in newest) / count
            if mean > limit:
                return f"{metric} is {mean:.0f} over {count} requests, above {limit:g}"
            continue
        over = sum(minute.over(limit) for minute in newest)
        if over > count - math.ceil(count * float(found[1]) / 100):  # that quantile is above the limit, then
            return f"{metric} is above {limit:g}: {over} of {count} requests took longer"
    return ""


def _step(told: Any, where: str) -> Step:
    if not isinstance(told, dict):
        raise PlanError(f"{where}: must be a table")
    _known(told, {"percent", "minutes"}, f"{where}.")
    percent = _number(told, "percent", where, 0.1, 100)
    return Step(percent, int(_number(told, "minutes", where, 1, MOST_MINUTES, whole=True)))


def _rule(told: Any, where: str) -> Rule:
    if not isinstance(told, dict):
        raise PlanError(f"{where}: must be a table")
    metrics = [key for key in told if LATENCY.fullmatch(key)]
    _known(told, {"window", "min_requests", "success_rate", *metrics}, f"{where}.")
    if len(metrics) > MOST_METRICS:
        raise PlanError(f"{where}: has more than {MOST_METRICS} latencies")
    if not metrics and "success_rate" not in told:
        raise PlanError(f"{where}: names no metric: success_rate, or a latency such as p95_ms")
    return Rule(
        int(_number(told, "window", where, 1, LONGEST_WINDOW, whole=True)),
        int(_number(told, "min_requests", where, 0, 1_000_000, whole=True)),
        _number(told, "success_rate", where, 0, 1) if "success_rate" in told else None,
        {key: _number(told, key, where, 0, 1_000_000) for key in metrics},
    )


def _known(told: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(told) - known):
        raise PlanError(f"{where}{unknown[0][:SHOWN]}: is not known here; known are {', '.join(sorted(known))}")


def _number(told: Mapping[str, Any], key: str, where: str, low: float, high: float, *, whole: bool = False) -> float:
    if key not in told:
        raise PlanError(f"{where}.{key}: is missing")
    value = told[key]
    number = not isinstance(value, bool) and isinstance(value, int if whole else int | float)
    if not number or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise PlanError(f"{where}.{key}: must be {kind} from {low:g} to {high:g}")
    return float(value)
