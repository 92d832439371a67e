"""The values everything speaks in: frozen, strict, and published as a JSON Schema.

Nothing here does anything; see `scoring` for how verdicts come about.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Final = "assesskit/assessment/1"

Verdict = Literal["met", "not_met", "ungraded"]
CheckOutcome = Literal["passed", "failed", "errored", "inconclusive", "skipped"]
Outcome = Literal["graded", "submission_failed", "harness_failed"]


class Value(BaseModel):
    """Base of every value: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(Value):
    """One thing a check saw.

    `kind` decides what `data` holds (all plain JSON, cleaned and capped by the grader):

    - ``exchange``: sent {method, url, headers, body}, received {status, headers, body} or error, seconds
    - ``relay``:    calls [{at, method, path, key, attempt, status, fault, seconds, headers}]
    - ``spans``:    spans [{trace_id, span_id, parent_id, name, kind, service, start, end, status}], in seconds
    - ``latency``:  budget_ms, difference_ms, low_ms, high_ms, sides {name: {p50, p95, p99, count, samples_ms}}, windows
    - ``log``:      lines [str]
    - ``figure``:   value, unit, limit
    - ``note``:     text
    """

    kind: Literal["exchange", "relay", "spans", "latency", "log", "figure", "note"]
    title: str
    data: dict[str, Any]


class Observation(Value):
    """What one check saw of one criterion.

    `sent`, `received`, `expected` and `rule` are the feedback a candidate reads; `detail` is for interviewers (a
    traceback when the check errored). `seconds` is the check's duration.
    """

    check: str
    criterion: str
    visibility: Literal["public", "hidden"]
    outcome: CheckOutcome
    summary: str = ""
    sent: str = ""
    received: str = ""
    expected: str = ""
    rule: str = ""
    detail: str = ""
    seconds: float = 0.0
    evidence: tuple[Evidence, ...] = ()

    def told(self) -> dict[str, str]:
        """The parts of the feedback that say something, by name, in the order they are read."""
        parts = {"sent": self.sent, "received": self.received, "expected": self.expected, "rule": self.rule}
        return {name: text for name, text in parts.items() if text}


class Criterion(Value):
    """One line of the rubric. `points` are its weight; `explanation` is what the candidate is told must hold.

    `feedback` says what good looks like, `interviewer` is a note for the person who asks, `questions` are follow-ups;
    `anchors` are the texts of levels 0 to 3 of a judged criterion.
    """

    id: str
    title: str
    competency: str
    points: int = Field(gt=0, le=100)
    kind: Literal["automatic", "judged"] = "automatic"
    explanation: str
    feedback: str
    interviewer: str
    questions: tuple[str, ...]
    anchors: tuple[str, ...] = ()


class CriterionResult(Value):
    """A criterion's verdict with everything it rests on. The rubric's text is copied in: an edit changes no past."""

    criterion: Criterion
    verdict: Verdict
    reason: str
    observations: tuple[Observation, ...] = ()


class Score(Value):
    """Points earned out of the points that could be judged; `missing` are the ids that could not."""

    earned: int
    judged: int
    total: int
    missing: tuple[str, ...] = ()


class Gradings(Value):
    """Gradings of programs whose verdict on a criterion is known beforehand: how many got one, and how many of these
    a wrong one; `ungraded` more got none."""

    graded: int = Field(default=0, ge=0)
    false: int = Field(default=0, ge=0)
    ungraded: int = Field(default=0, ge=0)


class Reliability(Value):
    """How often a criterion was judged wrong, measured with the checks of this very run.

    `right` are the gradings of programs that meet it, `wrong` those of programs that do not.
    """

    right: Gradings = Gradings()
    wrong: Gradings = Gradings()


class Failure(Value):
    """Why an assessment is not `graded`: the phase, the reason in one line, and the last lines that were printed."""

    phase: str
    reason: str
    log: str = ""


class Usage(Value):
    """What a service used; None where the runtime cannot tell.

    CPU in seconds, and memory in bytes: all of it at its highest, and what its processes hold for themselves now, files
    left out. `oom` says whether any of its processes was ever killed for the memory limit.
    """

    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    private_bytes: int | None = None
    oom: bool | None = None


class RouteLevel(Value):
    """How long a route took under a steady load, in ms, of `count` requests; `samples_ms` are some, sorted."""

    count: int
    failed: int
    p50: float
    p95: float
    p99: float
    samples_ms: tuple[float, ...] = ()


class SideLevel(Value):
    """How one service did under load; None is what was not measured or cannot be told on this runtime.

    `requests` of the steady load, of which `failed` did not get the answer they should. `throughput` in good answers a
    second, under all it can take. `cpu_ms` processor milliseconds of a request. Shares are of the service's own limits:
    `cpu_share` while the steady load was on it, `memory_share` at its highest.
    """

    requests: int
    failed: int
    routes: dict[str, RouteLevel] = {}
    throughput: float | None = None
    cpu_ms: float | None = None
    cpu_share: float | None = None
    memory_bytes: int | None = None
    memory_share: float | None = None

    @property
    def availability(self) -> float:
        """The share of good answers."""
        return 1 - self.failed / self.requests


class ServiceLevels(Value):
    """Service level indicators of the submission and of the reference beside it, by their names.

    `objective` is the share of good answers that is asked for.
    """

    objective: float = Field(gt=0, lt=1)
    sides: dict[str, SideLevel] = {}

    def burn(self, side: SideLevel) -> float:
        """How fast the error budget is spent: 1 spends just all of it (Google, SRE Workbook, chapter 5)."""
        return (1 - side.availability) / (1 - self.objective)


class RuntimeInfo(Value):
    """Which runtime ran the pod. `isolated` is true only where code nobody trusts may run."""

    name: str
    version: str
    isolated: bool
    facts: dict[str, str] = {}


class Exercised(Value):
    """Which exercise, and the digests that make two runs comparable."""

    slug: str
    title: str
    version: str
    digest: str
    graders_digest: str
    rubric_digest: str


class Variant(Value):
    """Which variant of an exercise: the seed (None for the default one) and what was drawn from it, by parameter."""

    seed: str | None = None
    parameters: dict[str, str] = {}


class Submitted(Value):
    """Which submission: its name, the digest of its files, and what its manifest says (None for a bare folder)."""

    name: str
    digest: str
    manifest: dict[str, Any] | None = None


class Assessment(Value):
    """The record of one grading: what was run, on what, what was seen, and what follows from it.

    `reliability` holds, by criterion, what had been measured of these checks by then; a criterion that was not, or not
    with this version of everything, is not in it.

    `seconds` is how long each phase took; for `load_seconds` of them load was offered.
    """

    schema_id: Literal["assesskit/assessment/1"] = SCHEMA
    run: str
    tool: str
    started: datetime
    finished: datetime
    exercise: Exercised
    variant: Variant = Variant()
    submission: Submitted
    runtime: RuntimeInfo
    images: dict[str, str] = {}
    outcome: Outcome
    failure: Failure | None = None
    competencies: dict[str, str]
    results: tuple[CriterionResult, ...]
    score: Score
    reliability: dict[str, Reliability] = {}
    usage: dict[str, Usage] = {}
    levels: ServiceLevels | None = None
    seconds: dict[str, float] = {}
    load_seconds: float = 0.0

    def verdicts(self) -> dict[str, Verdict]:
        """Verdict by criterion id, in the rubric's order."""
        return {result.criterion.id: result.verdict for result in self.results}

    def digest(self) -> str:
        """SHA-256 of what must be equal when the same inputs are graded again: inputs, outcome and verdicts."""
        same = {
            "exercise": self.exercise.model_dump(),
            "variant": self.variant.model_dump(),
            "submission": self.submission.digest,
            "outcome": self.outcome,
            "verdicts": self.verdicts(),
        }
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
