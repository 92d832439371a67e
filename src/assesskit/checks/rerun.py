"""Runs the night again with a plan's numbers, on a model of the system: its edges, what each took, and fixed dice.

A plan is judged by carrying it out, not by its looks. Every plan meets the same night: what a call takes is drawn from
the quicker quarter of what the recording has of its edge, since the rest waited for something that is repaired by now.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assesskit.checks.diagnosis import Objective
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.checks.findings import Plan
from assesskit.checks.span_recording import SUCCESS, Recording, answered, peer

SEED = 20_241_126
SAVED = 5.0
"""Further attempts that a budget may save up; it begins with as many."""
FEWEST = 0.99
"""Share of requests that succeed while the dependency is not dead."""
MOST_CALLS = 1.3
"""Calls to the dependency for each request while it is dead."""


@dataclass(frozen=True)
class Night:
    """What happens to the dependency behind `edge`, in phases of so many `requests`: ``[grader.facts.night]``.

    It is as ever; slow: one request in `slow_every` finds that its calls take `slow_ms`; flaky: the first call of one
    in `flaky_every` fails; dead: all calls fail, after `dead_ms`; and as ever again. Times in milliseconds.
    """

    edge: str
    requests: int
    slow_every: int
    slow_ms: float
    flaky_every: int
    dead_ms: float

    def answer(self, phase: str, number: int, attempt: int, usual: float) -> tuple[bool, float]:
        """Whether a call succeeds that is the `attempt`-th of request `number`, and what it takes."""
        match phase:
            case "slow" if number % self.slow_every == 0:
                return True, self.slow_ms
            case "flaky" if number % self.flaky_every == 0 and attempt == 0:
                return False, usual
            case "dead":
                return False, self.dead_ms
        return True, usual


PHASES = ("quiet", "slow", "flaky", "dead", "back")


@dataclass
class Seen:
    """What came of the requests of one phase: those that succeeded, calls to the dependency, the longest in ms."""

    served: int = 0
    calls: int = 0
    longest: float = 0.0


@dataclass
class Model:
    """The system with a plan: each call has a timeout, some are repeated, and a budget pays for that."""

    plan: Plan
    objective: Objective
    night: Night
    typical: Mapping[str, Sequence[float]]
    dice: random.Random
    saved: dict[str, float] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)

    def request(self, phase: str, number: int) -> None:
        """One customer's request."""
        served, took = self._call(self.objective.first, phase, number)
        self.seen.served += served
        self.seen.longest = max(self.seen.longest, took)

    def _call(self, edge: str, phase: str, number: int) -> tuple[bool, float]:
        """All attempts of a call: whether one succeeds, and how long that takes with the pauses between."""
        took = 0.0
        self.saved[edge] = min(SAVED, self.saved.get(edge, SAVED) + self.plan.retry_budget)
        for attempt in range(1 + self.plan.retries.get(edge, 0)):
            if attempt:
                if self.saved[edge] < 1:
                    break
                self.saved[edge] -= 1
                took += self.plan.backoff_ms * (self.dice.random() if self.plan.jitter else 1.0)
            served, needed = self._once(edge, phase, number, attempt)
            limit = self.plan.timeouts_ms[edge]
            took += min(needed, limit)
            if served and needed <= limit:
                return True, took
        return False, took

    def _once(self, edge: str, phase: str, number: int, attempt: int) -> tuple[bool, float]:
        usual = self.dice.choice(self.typical[edge])
        if edge == self.night.edge:
            self.seen.calls += 1
            return self.night.answer(phase, number, attempt, usual)
        steps = self.objective.steps.get(edge, ())
        own = max(0.0, usual - sum(min(self.typical[step]) for step in steps))
        for step in steps:
            served, needed = self._call(step, phase, number)
            own += needed
            if not served:
                return False, own
        return True, own


def typical(recording: Recording, edges: Sequence[str]) -> dict[str, list[float]]:
    """What good calls took, in milliseconds by edge (``caller-callee``): the quicker quarter of the recorded ones.

    Raises LookupError for an edge that the recording does not have, which is our fault.
    """
    found: dict[str, list[float]] = {}
    for edge in edges:
        caller, _, callee = edge.partition("-")
        good = [one for one in recording.calls[callee] if one.service == caller and answered(one) in SUCCESS]
        took = sorted((one.end - one.start) * 1000 for one in good if peer(one) == callee)
        if not took:
            raise LookupError(f"the recording has no good call on {edge}")
        found[edge] = took[: max(1, len(took) // 4)]
    return found


def rerun(plan: Plan, objective: Objective, night: Night, took: Mapping[str, Sequence[float]]) -> dict[str, Seen]:
    """Run the night; return what was seen by phase."""
    seen: dict[str, Seen] = {}
    model = Model(plan, objective, night, took, random.Random(SEED))  # noqa: S311  dice, not secrets
    for phase in PHASES:
        model.seen = seen[phase] = Seen()
        for number in range(night.requests):
            model.request(phase, number)
    return seen


def expect_objective(plan: Plan, objective: Objective, night: Night, recording: Recording, evidence: Evidence) -> None:
    """With the plan's numbers customers are served in time through the night, and what is dead is left alone."""
    missing = [edge for edge in objective.edges if not plan.timeouts_ms.get(edge)]
    if missing:
        raise Failure(f"the plan cannot be run: it has no timeout for {missing[0]}", expected="one for each edge")
    seen = rerun(plan, objective, night, typical(recording, objective.edges))
    for phase, one in seen.items():
        calls = one.calls / night.requests
        evidence.figure(f"{phase}: requests that succeed", one.served, "requests", night.requests)
        evidence.figure(f"{phase}: calls for each request", round(calls, 2), "calls")
        told = f"run again with the plan's numbers, while the dependency is {phase}"
        expect(
            phase == "dead" or one.served >= FEWEST * night.requests,
            f"{told}: {night.requests - one.served} of {night.requests} requests fail",
            expected=f"at most {night.requests * (1 - FEWEST):.0f} of them",
        )
        expect(
            phase != "dead" or calls <= MOST_CALLS,
            f"{told}: it is called {calls:.1f} times for each request",
            expected=f"at most {MOST_CALLS:g} calls for each",
        )
        expect(
            one.longest <= objective.deadline_ms,
            f"{told}: a customer waits {one.longest:.0f} ms",
            expected=f"at most {objective.deadline_ms:g} ms",
        )
