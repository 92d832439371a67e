"""Grades the programs of claims side by side, holds each against its claim, and keeps what was shown as it is shown."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from assesskit import __version__
from assesskit.assess import Task, assess
from assesskit.content import Exercise
from assesskit.events import CheckStarted, Event, OnEvent
from assesskit.kits import take
from assesskit.model import Assessment
from assesskit.pods import PodRuntime
from assesskit.proof import record, reliability
from assesskit.proof.claims import Claim, claims
from assesskit.proof.digests import RestsOn
from assesskit.proof.signing import Signer
from assesskit.prove.golden import different, feedback_text, normal
from assesskit.prove.programs import lay_out
from assesskit.prove.turns import Turns
from assesskit.store import write

MOST_RUNS = 3
"""How often a program is graded at most while noise leaves its load windows unjudged. A verdict is never retried."""

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """What came of a claim. `problems` is empty when it holds; `feedback` is the text a candidate would read.

    `runs` is how often the program was graded: again, a few times, where noise left a load criterion unjudged.
    """

    claim: Claim
    assessment: Assessment
    feedback: str
    problems: tuple[str, ...]
    runs: int = 1

    @property
    def held(self) -> bool:
        """Whether the claim holds."""
        return not self.problems


@dataclass(frozen=True)
class Repeated:
    """One more grading of a claim's program: which of its verdicts are wrong, which criteria got none, and how many
    gradings are counted now."""

    claim: Claim
    assessment: Assessment
    false: tuple[reliability.FalseVerdict, ...]
    ungraded: tuple[str, ...]
    gradings: int


@dataclass(frozen=True)
class Prover:
    """Proves claims of one exercise. `bless` writes the golden texts instead of comparing with them.

    With a `signer` what was shown is kept beside the exercise; without one nothing is written there. `trusted` are the
    keys whose entries count.
    """

    exercise: Exercise
    runtime: PodRuntime
    quiet_lock: Path
    on_event: OnEvent
    bless: bool = False
    signer: Signer | None = None
    trusted: Mapping[str, str] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _keeping: threading.Lock = field(default_factory=threading.Lock)

    def prove(self, wanted: Sequence[Claim], *, jobs: int, on_shown: Callable[[Shown], None]) -> tuple[Shown, ...]:
        """Prove claims, begun in this order; at most `jobs` pods at once, and load beside idle ones only."""
        shown = self._each(self._proven, wanted, jobs, on_shown)
        return tuple(sorted(shown, key=lambda each: wanted.index(each.claim)))

    def repeat(self, wanted: Sequence[Claim], times: int, *, jobs: int, on_done: Callable[[Repeated], None]) -> None:
        """Grade every claim's program `times` times. Each grading is counted at once, and kept if there is a signer."""
        self._each(self._counted, [*wanted] * times, jobs, on_done)

    def show(self, claim: Claim, turns: Turns | None = None) -> Shown:
        """Grade the claim's program as a submission would be graded, and compare. Every grading is counted."""
        turns = turns or Turns(1)
        now = reliability.rests_on(self.exercise, claim, self.runtime.name)
        with self._task(claim) as task:
            assessment, runs = self._graded(task, turns), 1
            self._count(claim, task.without, now, assessment)
            while self._too_noisy(assessment) and runs < MOST_RUNS:
                with turns.alone():
                    assessment, runs = self._assess(task, self._hear), runs + 1
                self._count(claim, task.without, now, assessment)
        feedback = normal(feedback_text(assessment)) if claim.kind == "mutant" else ""
        problems = [*_differences(claim, assessment, task.without)]
        if claim.golden and self.bless and not problems:
            write(claim.golden, feedback.encode())
        elif claim.golden and (not problems or not claim.golden.is_file()):
            problems += different(claim.golden, feedback)
        return Shown(claim, assessment, feedback, tuple(problems), runs)

    def _each(
        self, work: Callable[[Claim, Turns], T], wanted: Sequence[Claim], jobs: int, on_done: Callable[[T], None]
    ) -> list[T]:
        """Do the work for every claim; those that measure load come last, in batches that begin together."""
        together = [claim for claim in wanted if not claim.measures(self.exercise)]
        measured = [claim for claim in wanted if claim.measures(self.exercise)]
        done: list[T] = []
        for batch in (together, *(measured[first : first + jobs] for first in range(0, len(measured), jobs))):
            turns = Turns(len(batch))
            with ThreadPoolExecutor(jobs) as pool:
                try:
                    for future in as_completed([pool.submit(work, claim, turns) for claim in batch]):
                        done.append(future.result())
                        on_done(done[-1])
                except BaseException:
                    self._stopping.set()
                    turns.stop()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return done

    def _proven(self, claim: Claim, turns: Turns) -> Shown:
        """Show a claim and keep what came of it; what changed meanwhile was not shown."""
        before = record.rests_on(self.exercise, claim, self.runtime.name)
        shown = self.show(claim, turns)
        if self.signer is None or shown.assessment.outcome == "harness_failed":
            return shown
        now = record.rests_on(self.exercise, claim, self.runtime.name)
        changed = [name for name in now if now[name] != before[name] and not (self.bless and name == "golden")]
        if changed:
            shown = replace(shown, problems=(*shown.problems, f"changed while it was graded: {', '.join(changed)}"))
        entry = record.Proven(
            rests_on=now,
            tool=__version__,
            outcome=shown.assessment.outcome,
            verdicts=shown.assessment.verdicts(),
            runs=shown.runs,
            seconds=round(sum(shown.assessment.seconds.values()), 1),
            at=shown.assessment.finished,
        )
        kept = record.record(self.exercise, self.trusted)
        with self._keeping:
            stays = record.stays(self.exercise, self.runtime.name)
            kept.put(record.key(self.exercise, claim.name), entry if shown.held else None, self.signer, stays)
        return shown

    def _counted(self, claim: Claim, turns: Turns) -> Repeated:
        now = reliability.rests_on(self.exercise, claim, self.runtime.name)
        with self._task(claim) as task:
            assessment = self._graded(task, turns)
        gradings = self._count(claim, task.without, now, assessment)
        false = reliability.false_verdicts(claim, task.without, assessment)
        seen = reliability.held(task.without, assessment)
        ungraded = tuple(key for key, result in seen if result.verdict == "ungraded")
        return Repeated(claim, assessment, false, ungraded, gradings)

    def _count(self, claim: Claim, without: frozenset[str], now: RestsOn, assessment: Assessment) -> int:
        """Count how a grading came out, and keep the count if there is a signer; return how many are counted now."""
        kept = reliability.counts(self.exercise, self.trusted)
        with self._keeping:
            old = kept.read().entries.get(claim.name)
            counted = reliability.added(old, claim, without, now, assessment)
            if self.signer:
                names = {each.name for each in claims(self.exercise)}
                kept.put(claim.name, counted, self.signer, lambda name, _raw: name in names)
        return counted.gradings

    @contextmanager
    def _task(self, claim: Claim) -> Iterator[Task]:
        with tempfile.TemporaryDirectory(prefix="assesskit-proof-") as temporary:
            taken = take(lay_out(claim, Path(temporary) / claim.name), self.exercise, Path(temporary) / "taken")
            yield Task(self.exercise, taken.folder, taken.submitted, without=claim.without(self.exercise))

    def _graded(self, task: Task, turns: Turns) -> Assessment:
        """Grade a program as one of those that began together."""
        with turns.grading() as come:

            def hear(event: Event) -> None:
                if isinstance(event, CheckStarted) and event.criterion in self.exercise.spec.proof.load:
                    come()
                self._hear(event)

            return self._assess(task, hear)

    def _assess(self, task: Task, on_event: OnEvent) -> Assessment:
        return assess(task, self.runtime, quiet_lock=self.quiet_lock, on_event=on_event).assessment

    def _too_noisy(self, assessment: Assessment) -> bool:
        """Whether a load criterion could not be judged because its measurement was inconclusive, and nothing else."""
        return any(
            seen.outcome == "inconclusive"
            for result in assessment.results
            if result.criterion.id in self.exercise.spec.proof.load
            for seen in result.observations
        )

    def _hear(self, event: Event) -> None:
        """Pass an event on; once the proof was interrupted, end the run it comes from, whose pod is then removed."""
        if self._stopping.is_set():
            raise KeyboardInterrupt
        self.on_event(event)


def _differences(claim: Claim, assessment: Assessment, without: frozenset[str]) -> Iterator[str]:
    """Say how the assessment differs from what the claim says."""
    if assessment.outcome != claim.outcome:
        reason = f": {assessment.failure.reason}" if assessment.failure else ""
        yield f"the outcome is {assessment.outcome}, claimed is {claim.outcome}{reason}"
        return
    for result in assessment.results:
        key, verdict = result.criterion.id, result.verdict
        if key in without or result.criterion.kind == "judged" or claim.outcome != "graded":
            continue
        expected = "not_met" if key in claim.fails else "met"
        if verdict != expected:
            yield f"{key} is {verdict}, claimed is {expected}: {result.reason}"
