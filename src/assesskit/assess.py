"""The story of a run: a submission goes in, an assessment comes out, whatever happens in between."""

from __future__ import annotations

import secrets
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from assesskit import __version__
from assesskit.checks.evidence import clean
from assesskit.content import Exercise
from assesskit.errors import HarnessError, SubmissionFailed
from assesskit.events import CriterionJudged, OnEvent
from assesskit.grading import Cast, Record, Session
from assesskit.model import Assessment, Criterion, Failure, Outcome, RuntimeInfo, Submitted, Usage
from assesskit.phases import Phases
from assesskit.pods import Image, PodRuntime, Program
from assesskit.proof.reliability import measured
from assesskit.scoring import judge, score
from assesskit.staging import (
    SUBMISSION,
    Secrets,
    grader_files,
    handed_over,
    hello,
    pod_spec,
    programs,
    service_specs,
    tested,
)

EVERYTHING = ("public", "hidden")
FAILURE_LOG = 64 * 1024
"""Characters kept of the log of a failure."""


@dataclass(frozen=True)
class Task:
    """What to grade: the files of a submission against an exercise.

    `tests` are the test folders to run (a candidate has only ``public``); `without` names criteria to leave out, which
    end as `ungraded` (prove leaves load windows out where a wrong program is not about load).
    """

    exercise: Exercise
    folder: Path
    submitted: Submitted
    tests: tuple[str, ...] = EVERYTHING
    without: frozenset[str] = frozenset()

    def criteria(self) -> tuple[Criterion, ...]:
        """Return the criteria this task judges: those with a check in its test folders, and the judged ones."""
        checks = self.exercise.checks
        return tuple(
            criterion
            for criterion in self.exercise.criteria
            if (criterion.kind == "judged" and "hidden" in self.tests)
            or any(check.visibility in self.tests for check in checks.get(criterion.id, ()))
        )

    def planned(self) -> dict[str, tuple[str, ...]]:
        """Return the checks the grader must run, by criterion id. A check it leaves out is a gap, never a pass."""
        return {
            criterion.id: tuple(
                check.name for check in self.exercise.checks[criterion.id] if check.visibility in self.tests
            )
            for criterion in self.criteria()
            if criterion.kind == "automatic" and criterion.id not in self.without
        }


class Graded(NamedTuple):
    """The assessment of a run, and pytest's record of the grader (pytest-json-report; empty if it died)."""

    assessment: Assessment
    checks: dict[str, Any]


@dataclass
class Run:
    """What is known of a run so far. It begins as our fault and stays so until something else is shown."""

    phases: Phases
    record: Record = field(default_factory=Record)
    images: dict[str, Image] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    outcome: Outcome = "harness_failed"
    failure: Failure | None = None


def assess(task: Task, runtime: PodRuntime, *, quiet_lock: Path, on_event: OnEvent) -> Graded:
    """Grade one submission. Never raises for what the submission does, nor for a fault of ours once the run began:
    both are outcomes. Raises RuntimeUnavailableError before anything runs; an interrupt leaves nothing behind.
    """
    info = runtime.check()
    name = new_run()
    started = datetime.now(UTC)
    run = Run(Phases(name, on_event))
    try:
        _build(task, runtime, run)
        run.phases.begin("pod", "starting the pod")
        with runtime.open(pod_spec(task.exercise, name)) as pod:
            hidden = Secrets()
            cast = Cast(pod, service_specs(task.exercise, run.images, pod, hidden, run.files))
            dependencies = {service.name: cast.start(service.name) for service in task.exercise.spec.services}
            grader = cast.start("grader")
            session = Session(name, hidden.nonce, cast, quiet_lock=quiet_lock, phases=run.phases, on_event=on_event)
            run.record = session.record
            first = hello(
                task.exercise, name, pod, hidden, dependencies, tests=task.tests, criteria=tuple(task.planned())
            )
            session.converse(grader, first)
            run.usage = cast.usage()
            run.phases.begin("close", "removing the pod")
        run.outcome = "graded"
    except SubmissionFailed as failed:
        run.outcome = "submission_failed"
        run.failure = _failure(failed.phase, failed.reason, failed.log)
    except HarnessError as fault:
        run.failure = _failure(run.phases.now, str(fault), fault.hint)
    except Exception as bug:  # noqa: BLE001  a bug of ours is an outcome too, with its traceback; it costs no point
        run.failure = _failure(run.phases.now, f"a bug: {bug!r}", traceback.format_exc())
    finally:
        run.phases.end(ok=run.outcome == "graded")
    return Graded(_assessment(task, info, name, started, run, on_event), run.record.report)


def new_run() -> str:
    """Return a name for a run that sorts by time and is not used twice."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _build(task: Task, runtime: PodRuntime, run: Run) -> None:
    """Build every program of the run: ours first, so that a fault of ours is found before the submission is touched."""
    run.phases.begin("images", "preparing the grader and the services")
    wanted = programs(task.exercise, task.folder, reference="hidden" in task.tests)
    for name, program in wanted.items():
        if not program.trusted and run.phases.now != "build":
            run.phases.begin("build", "building the submission")
        run.images[name] = _built(program, runtime, run)
    first = tested(task.exercise)[0].name
    image = runtime.describe(wanted[first], run.images[first])
    run.files = grader_files(task.exercise, task.tests) | handed_over(task.exercise, task.folder, image)


def _built(program: Program, runtime: PodRuntime, run: Run) -> Image:
    """Build one program; what fails says which of a submission's parts it is."""
    try:
        return runtime.build(program, run.phases.line)
    except SubmissionFailed as failed:
        if program.name == SUBMISSION:
            raise
        raise SubmissionFailed(failed.phase, f"{program.name}: {failed.reason}", log=failed.log) from failed


def _failure(phase: str, reason: str, log: str) -> Failure:
    """Return a failure that is fit to be kept and shown: what the submission printed may be anything."""
    return Failure(phase=phase, reason=clean(reason), log=clean(log, FAILURE_LOG))


def _planned(task: Task, record: Record) -> dict[str, tuple[str, ...]]:
    """Return the checks that must have reported: those of the task, and each case the grader collected of them."""
    return {
        criterion: tuple(dict.fromkeys((*checks, *record.planned.get(criterion, ()))))
        for criterion, checks in task.planned().items()
    }


def _assessment(task: Task, info: RuntimeInfo, name: str, started: datetime, run: Run, on_event: OnEvent) -> Assessment:
    exercise = task.exercise
    reason = run.failure.reason if run.failure else None
    results = judge(
        task.criteria(),
        _planned(task, run.record),
        run.record.observations,
        prevented=reason if run.outcome == "submission_failed" else None,
        fault=reason if run.outcome == "harness_failed" else None,
    )
    for result in results:
        on_event(CriterionJudged(name, result.criterion.id, result.verdict, result.reason))
    return Assessment(
        run=name,
        tool=__version__,
        started=started,
        finished=datetime.now(UTC),
        exercise=exercise.exercised(),
        variant=exercise.variant,
        submission=task.submitted,
        runtime=info,
        images={key: image.digest for key, image in run.images.items()},
        outcome=run.outcome,
        failure=run.failure,
        competencies=dict(exercise.competencies),
        results=results,
        score=score(results),
        reliability=measured(exercise.default, info.name) if task.tests == EVERYTHING else {},
        usage=run.usage,
        levels=run.record.levels,
        seconds=run.phases.seconds,
        load_seconds=round(run.record.load_seconds, 3),
    )
