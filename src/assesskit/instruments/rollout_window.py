"""The arithmetic of a rollout: what a window of minutes comes to, and what follows from it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from assesskit.instruments.rollout_plan import LATENCY, Gate, RolloutPlan

Action = Literal["promote", "hold", "roll back"]


@dataclass(frozen=True)
class Answer:
    """What the service made of one request: good or not, after how many ms, and whether it differs from the
    monolith's answer (None: nobody compared them). `counted` is false for one that was only compared.
    """

    good: bool
    ms: float
    differs: bool | None = None
    counted: bool = True


@dataclass(frozen=True)
class Window:
    """The answers of some minutes, counted. `ms` is sorted; `bad` are those that failed, were slow, or differ."""

    requests: int
    good: int
    ms: tuple[float, ...]
    compared: int
    differing: int
    bad: int

    @classmethod
    def of(cls, answers: Iterable[Answer], slow_ms: float) -> Window:
        """Count answers; one that takes longer than `slow_ms` is slow."""
        every = tuple(answers)
        counted = [one for one in every if one.counted]
        return cls(
            requests=len(counted),
            good=sum(one.good for one in counted),
            ms=tuple(sorted(one.ms for one in counted)),
            compared=sum(one.differs is not None for one in every),
            differing=sum(one.differs is True for one in every),
            bad=sum(not one.good or one.ms > slow_ms or one.differs is True for one in counted),
        )

    @property
    def success_rate(self) -> float | None:
        """The share of good answers; None where there were none at all."""
        return self.good / self.requests if self.requests else None

    @property
    def differences(self) -> float | None:
        """The share of compared answers that differ; None where none was compared."""
        return self.differing / self.compared if self.compared else None

    def burn(self, objective: float) -> float | None:
        """How fast the error budget is spent: 1 spends just all of it (Google, SRE Workbook, chapter 5)."""
        return self.bad / self.requests / (1 - objective) if self.requests else None

    def latency(self, metric: str) -> float | None:
        """The mean, or a percentile by the nearest rank, in ms. Raises ValueError for what is neither."""
        found = LATENCY.fullmatch(metric)
        if found is None:
            raise ValueError(f"{metric} is no latency")
        if not self.ms:
            return None
        if found[1] is None:
            return math.fsum(self.ms) / len(self.ms)
        # decimal digits times a count: rounded, lest 0.07 * 100 were more than 7
        return self.ms[max(math.ceil(round(len(self.ms) * float(found[1]) / 100, 9)), 1) - 1]


def added(windows: Sequence[Window]) -> Window:
    """Several minutes as one window."""
    return Window(
        sum(one.requests for one in windows),
        sum(one.good for one in windows),
        tuple(sorted(ms for one in windows for ms in one.ms)),
        sum(one.compared for one in windows),
        sum(one.differing for one in windows),
        sum(one.bad for one in windows),
    )


def decide(plan: RolloutPlan, at: int, minutes: Sequence[Window], objective: float) -> tuple[Action, str]:
    """Decide at the end of a minute: `minutes` are those of stage `at` so far, in order; no window reaches further
    back. To roll back is always possible after shadow, to promote only once the stage's own minutes are over.
    """
    stage = plan.stages[at]
    if plan.rollback is not None and stage.mode != "shadow":
        window = added(minutes[-plan.rollback.window :])
        if breach := breached(plan.rollback, window, objective, plan.rollback.min_requests):
            return "roll back", breach
    if len(minutes) < stage.minutes:
        return "hold", "the stage is not over"
    window = added(minutes[-plan.gate.window :])
    if window.requests < plan.gate.min_requests:
        short = f"{window.requests} requests in {plan.gate.window} minutes"
        return "hold", f"{short}: the gate needs {plan.gate.min_requests}"
    if breach := breached(plan.gate, window, objective, 1):
        return "hold", f"the gate is shut: {breach}"
    return "promote", "the gate holds"


def breached(gate: Gate, window: Window, objective: float, fewest: int) -> str:
    """Say which metric does not hold; empty when all do. Nothing is said of one with fewer than `fewest` answers."""
    if gate.differences is not None and window.compared >= fewest:
        share = window.differences or 0.0
        if share > gate.differences:
            shown = f"differences is {share:.4f}: {window.differing} of {window.compared} answers differ"
            return f"{shown}, above {gate.differences:g}"
    if window.requests < fewest:
        return ""
    rate, burn = window.success_rate, window.burn(objective)
    if gate.success_rate is not None and rate is not None and rate < gate.success_rate:
        return f"success_rate is {rate:.4f} over {window.requests} requests, below {gate.success_rate:g}"
    if gate.budget_burn is not None and burn is not None and burn > gate.budget_burn:
        return f"budget_burn is {burn:.1f} over {window.requests} requests, above {gate.budget_burn:g}"
    for metric, limit in gate.latency.items():
        value = window.latency(metric)
        if value is not None and value > limit:
            return f"{metric} is {value:.0f} ms over {window.requests} requests, above {limit:g}"
    return ""


def toothless(gate: Gate, objective: float, deadline_ms: float) -> tuple[str, ...]:
    """The metrics of a gate that no window can breach, with the reason; `deadline_ms` is how long an answer may take
    before it counts as none.
    """
    worst = 1 / (1 - objective)
    told = []
    if gate.success_rate == 0:
        told.append("success_rate = 0 holds when every request fails")
    if gate.differences is not None and gate.differences >= 1:
        told.append(f"differences = {gate.differences:g} holds when every answer differs")
    if gate.budget_burn is not None and gate.budget_burn >= worst:
        told.append(f"budget_burn = {gate.budget_burn:g} holds when every request is bad, which burns {worst:g}")
    told += [
        f"{metric} = {limit:g} holds always: who waits gives up after {deadline_ms:g} ms"
        for metric, limit in gate.latency.items()
        if limit >= deadline_ms
    ]
    return tuple(told)


def metrics(gate: Gate) -> int:
    """How many limits a gate names."""
    return sum(limit is not None for limit in (gate.success_rate, gate.differences, gate.budget_burn)) + len(
        gate.latency
    )
