"""A plan for moving callers from the monolith to a service, read from TOML: stages, a gate, a rollback trigger.

A plan leads through shadow (copies of reads), mirror (copies of writes too), canary (a share of the accounts is the
service's) and primary (all accounts are). What cannot be carried out is a PlanError that names the key and what may
stand there; what can be carried out and is unwise is found out by carrying it out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Literal, get_args

from assesskit.instruments.router import PlanError

__all__ = ["Declared", "Gate", "Mode", "PlanError", "RolloutPlan", "Stage", "read_rollout"]

Mode = Literal["shadow", "mirror", "canary", "primary"]
MODES: tuple[Mode, ...] = get_args(Mode)

MOST_STAGES = 12
MOST_MINUTES = 60
"""All minutes of a rollout, with those that it may take longer, are evidence: a hundred lines are kept."""
LONGEST_WINDOW = 60
MOST_LATENCIES = 5
MOST_DECLARED = 5
MOST_BYTES = 64 * 1024
SHORTEST_REASON = 20
"""Characters."""
SHOWN = 60
"""Characters of a value that a message repeats."""
HUGE = 10**18
LATENCY = re.compile(r"(?:p([1-9][0-9](?:\.[0-9]{1,2})?)|mean)_ms")
SHARES = ("success_rate", "differences")
PLACE = re.compile(r"status|header:[A-Za-z0-9-]{1,60}|(?:/[^\s]{0,100}){1,12}")
REQUEST = re.compile(r"[A-Z]{3,7} /\S{0,200}")


@dataclass(frozen=True)
class Stage:
    """A mode for at least so many minutes. `percent` of the accounts are the service's: 0 in shadow and mirror."""

    mode: Mode
    minutes: int
    percent: float


@dataclass(frozen=True)
class Gate:
    """What must hold of the newest `window` minutes of a stage; None, or no entry, where the plan names no limit.

    `success_rate` is the lowest share of good answers, `differences` the highest share of compared answers that differ,
    `budget_burn` the highest burn rate, `latency` maps a metric (p95_ms, mean_ms) to its highest value in ms.
    """

    window: int
    min_requests: int
    success_rate: float | None
    differences: float | None
    budget_burn: float | None
    latency: Mapping[str, float]


@dataclass(frozen=True)
class Declared:
    """A difference that is meant: where in an answer (a JSON pointer, ``status``, or ``header:Name``), to which request
    ("GET /v1/invoices/*", empty for all), and why.
    """

    place: str
    request: str
    reason: str


@dataclass(frozen=True)
class RolloutPlan:
    """Stages in order, the last of them primary; the gate to leave one; what takes the rollout back, if anything."""

    stages: tuple[Stage, ...]
    gate: Gate
    rollback: Gate | None
    declared: tuple[Declared, ...] = ()

    @property
    def minutes(self) -> int:
        """How long it takes when no gate is ever shut."""
        return sum(stage.minutes for stage in self.stages)


def read_rollout(text: str) -> RolloutPlan:
    """Read a plan from TOML. Raises PlanError."""
    if len(text) > MOST_BYTES:
        raise PlanError(f"it is longer than {MOST_BYTES} characters")
    try:
        told = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError; so is a number of too many digits
        raise PlanError(f"it is no TOML: {str(error)[:200] or 'nested too deeply'}") from None
    plan = _Table(told, "", ("stages", "gate", "rollback", "declared"))
    stages = tuple(_stage(each, f"stages[{number}]") for number, each in plan.tables("stages", MOST_STAGES))
    _expect_order(stages)
    if "gate" not in told:
        raise PlanError("gate: is missing, so nothing decides whether a stage went well; add a table [gate]")
    rollback = _gate(told["rollback"], "rollback") if "rollback" in told else None
    declared: tuple[Declared, ...] = ()
    if "declared" in told:
        tables = plan.tables("declared", MOST_DECLARED)
        declared = tuple(_declared(each, f"declared[{number}]") for number, each in tables)
    return RolloutPlan(stages, _gate(told["gate"], "gate"), rollback, declared)


def _expect_order(stages: tuple[Stage, ...]) -> None:
    for number, (earlier, later) in enumerate(pairwise(stages), 2):
        where = f"stages[{number}]"
        if MODES.index(later.mode) < MODES.index(earlier.mode):
            raise PlanError(f"{where}.mode: {later.mode} comes after {earlier.mode}; the order is {', '.join(MODES)}")
        if later.mode == earlier.mode != "canary":
            raise PlanError(f"{where}.mode: {later.mode} is there twice; only canary may be repeated")
        if later.mode == "canary" and later.percent <= earlier.percent:
            overlap = f"{later.percent:g} follows {earlier.percent:g}, so the stages overlap"
            raise PlanError(f"{where}.percent: {overlap}; each canary takes more accounts than the one before")
    if stages[-1].mode != "primary":
        raise PlanError(f"stages: the last one is {stages[-1].mode}; a plan ends with primary, or nothing ever moves")
    if (minutes := sum(stage.minutes for stage in stages)) > MOST_MINUTES:
        raise PlanError(f"stages: they take {minutes} minutes; all together may take {MOST_MINUTES}")


def _stage(told: Any, where: str) -> Stage:
    table = _Table(told, where, ("mode", "minutes", "percent"))
    mode = told.get("mode")
    if mode not in MODES:
        raise PlanError(f"{where}.mode: must be one of {', '.join(MODES)}")
    minutes = int(table.number("minutes", 1, MOST_MINUTES, whole=True))
    if mode == "canary":
        return Stage(mode, minutes, table.number("percent", 0.1, 99.9))
    if "percent" in told:
        raise PlanError(f"{where}.percent: only a canary has a share; {mode} has none to choose")
    return Stage(mode, minutes, 100.0 if mode == "primary" else 0.0)


def _gate(told: Any, where: str) -> Gate:
    latencies = sorted(key for key in told if LATENCY.fullmatch(key)) if isinstance(told, dict) else []
    metrics = (*SHARES, "budget_burn", *(latencies or ("p95_ms",)))
    table = _Table(told, where, ("window", "min_requests", *metrics))
    if not set(metrics) & set(told):
        raise PlanError(f"{where}: names no metric; known are {', '.join(SHARES)}, budget_burn, and p95_ms or the like")
    if len(latencies) > MOST_LATENCIES:
        raise PlanError(f"{where}: has more than {MOST_LATENCIES} latencies")
    return Gate(
        int(table.number("window", 1, LONGEST_WINDOW, whole=True)),
        int(table.number("min_requests", 1, 1_000_000, whole=True)),
        table.number("success_rate", 0, 1) if "success_rate" in told else None,
        table.number("differences", 0, 1) if "differences" in told else None,
        table.number("budget_burn", 0, 1000) if "budget_burn" in told else None,
        {key: table.number(key, 0, 60_000) for key in latencies},
    )


def _declared(told: Any, where: str) -> Declared:
    table = _Table(told, where, ("place", "request", "reason"))
    place, reason = table.text("place"), table.text("reason")
    place = place.lower() if place.lower().startswith("header:") else place
    request = table.text("request") if "request" in told else ""
    if not PLACE.fullmatch(place):
        raise PlanError(f"{where}.place: must be a JSON pointer such as /total, or status, or header:Name")
    if set(place) <= {"/", "*"}:
        raise PlanError(f"{where}.place: {place[:SHOWN]} is every place there is; name the one that differs")
    if request and not REQUEST.fullmatch(request):
        raise PlanError(f"{where}.request: must be a method and a path such as GET /v1/things/*")
    if len(reason.strip()) < SHORTEST_REASON:
        raise PlanError(f"{where}.reason: must say why, in at least {SHORTEST_REASON} characters")
    return Declared(place, request, reason)


class _Table:
    """A table of the plan; whatever is wrong with it is told with the key."""

    def __init__(self, told: Any, where: str, known: Collection[str]) -> None:
        if not isinstance(told, dict):
            raise PlanError(f"{where}: must be a table")
        self._told = told
        self._prefix = f"{where}." if where else ""
        for key in told:
            if key not in known:
                close = get_close_matches(key, known, 1)
                meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
                raise PlanError(f"{self._prefix}{key[:SHOWN]}: is not known here; {meant}")

    def tables(self, key: str, most: int) -> list[tuple[int, Any]]:
        """The tables of a list that has at least one, counted from 1."""
        listed = self._told.get(key)
        if not isinstance(listed, list) or not 0 < len(listed) <= most:
            raise PlanError(f"{key}: 1 to {most} tables [[{key}]] are needed")
        return list(enumerate(listed, 1))

    def number(self, key: str, low: float, high: float, *, whole: bool = False) -> float:
        """A number within its bounds."""
        value = self._value(key)
        right = not isinstance(value, bool) and isinstance(value, int if whole else int | float)
        if not right or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise PlanError(f"{self._prefix}{key}: is {_told(value)}, and must be {kind} from {low:g} to {high:g}")
        return float(value)

    def text(self, key: str) -> str:
        """A text."""
        value = self._value(key)
        if not isinstance(value, str):
            raise PlanError(f"{self._prefix}{key}: must be a text")
        return value

    def _value(self, key: str) -> Any:
        if key not in self._told:
            raise PlanError(f"{self._prefix}{key}: is missing")
        return self._told[key]


def _told(value: object) -> str:
    """A value as a message repeats it; one of thousands of digits cannot be written at all."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= HUGE:
        return "a number of many digits"
    return str(value)[:SHOWN] if isinstance(value, bool | int | float | str) else f"a {type(value).__name__}"
