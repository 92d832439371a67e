"""Runs an exercise's claims through the production path: is each program judged as its author says it must be?

The reference and every alternate meet everything, the untouched starter fails what it claims, and each wrong program
fails exactly what it names, with the feedback text a candidate would read. Programs measured under load are proven
alone, the rest side by side.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assesskit.assess import Task, assess
from assesskit.content import Exercise
from assesskit.errors import ContentError
from assesskit.events import Event, OnEvent
from assesskit.kits import take
from assesskit.model import Assessment, Outcome
from assesskit.pods import PodRuntime
from assesskit.store import write

Kind = Literal["reference", "alternate", "starter", "mutant"]
MOST_RUNS = 3
"""How often a program is graded at most while noise leaves its load windows unjudged. A verdict is never retried."""
NORMAL: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "<hex>"),
    (re.compile(r"\b[A-Z]+(-[A-Z]+)*-[0-9A-Z]{6,}\b"), "<name>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"(?<=[+-])\d+\.\d+"), "<n>"),
    (re.compile(r"(?<=Allow: ).+"), lambda found: ", ".join(sorted(found[0].split(", ")))),
    (re.compile(r'(?<=cursor": )"[^"]*"'), '"<cursor>"'),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b\d+(\.\d+)?(?= (ms|s|millisecond|second|%)\b)"), "<n>"),
)
"""What differs between two runs of the same program, and what stands for it in a golden text."""


@dataclass(frozen=True)
class Claim:
    """One program and what must come of it: exactly `fails` are not met and every other criterion that ran is met."""

    name: str
    kind: Kind
    fails: tuple[str, ...]
    outcome: Outcome = "graded"
    patch: Path | None = None
    folder: Path | None = None
    golden: Path | None = None


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
class Prover:
    """Proves claims of one exercise. `bless` writes the golden texts instead of comparing with them."""

    exercise: Exercise
    runtime: PodRuntime
    quiet_lock: Path
    on_event: OnEvent
    bless: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)

    def prove(self, claims: tuple[Claim, ...], *, jobs: int, on_shown: Callable[[Shown], None]) -> tuple[Shown, ...]:
        """Prove every claim; at most `jobs` pods at once, and one alone where load is measured."""
        alone = [claim for claim in claims if not self._without(claim)]
        together = [claim for claim in claims if self._without(claim)]
        shown: list[Shown] = []
        for batch, workers in ((together, jobs), (alone, 1)):
            with ThreadPoolExecutor(workers) as pool:
                try:
                    for result in pool.map(self.show, batch):
                        shown.append(result)
                        on_shown(result)
                except BaseException:
                    self._stopping.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        return tuple(sorted(shown, key=lambda each: claims.index(each.claim)))

    def show(self, claim: Claim) -> Shown:
        """Grade the claim's program as a submission would be graded, and compare."""
        with tempfile.TemporaryDirectory(prefix="assesskit-proof-") as temporary:
            program = Path(temporary) / claim.name
            taken = take(lay_out(self.exercise, claim, program), self.exercise, Path(temporary) / "taken")
            task = Task(self.exercise, taken.folder, taken.submitted, without=self._without(claim))
            assessment, runs = self._graded(task), 1
            while self._too_noisy(assessment) and runs < MOST_RUNS:
                assessment, runs = self._graded(task), runs + 1
        feedback = normal(feedback_text(assessment)) if claim.kind == "mutant" else ""
        problems = [*_differences(claim, assessment, task.without)]
        if claim.golden:
            problems += self._golden(claim.golden, feedback, settled=not problems)
        return Shown(claim, assessment, feedback, tuple(problems), runs)

    def _graded(self, task: Task) -> Assessment:
        return assess(task, self.runtime, quiet_lock=self.quiet_lock, on_event=self._hear).assessment

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

    def _without(self, claim: Claim) -> frozenset[str]:
        load = frozenset(self.exercise.spec.proof.load)
        return frozenset() if claim.kind in {"reference", "alternate"} or load & set(claim.fails) else load

    def _golden(self, golden: Path, feedback: str, *, settled: bool) -> Iterator[str]:
        if self.bless and settled:
            write(golden, feedback.encode())
        elif not golden.is_file():
            yield f"no golden text: {golden.name} (run `assesskit prove --bless` and read what it writes)"
        elif settled and (expected := golden.read_text(encoding="utf-8")) != feedback:
            lines = difflib.unified_diff(
                expected.splitlines(), feedback.splitlines(), golden.name, "this run", lineterm=""
            )
            yield "the feedback differs from its golden text:\n" + "\n".join(lines)


def claims(exercise: Exercise) -> tuple[Claim, ...]:
    """Return every claim of an exercise: reference, alternates, starter, then its wrong programs."""
    proof = exercise.spec.proof
    wrong = (
        Claim(
            mutant.name,
            "mutant",
            mutant.fails,
            patch=mutant.patch,
            folder=mutant.program,
            golden=mutant.golden,
        )
        for mutant in exercise.mutants
    )
    right = (Claim(one.name, "alternate", (), folder=exercise.folder / one.program) for one in proof.alternates)
    starter = Claim("starter", "starter", proof.starter.fails, outcome=proof.starter.outcome)
    return (Claim("reference", "reference", ()), *right, starter, *wrong)


def lay_out(exercise: Exercise, claim: Claim, into: Path) -> Path:
    """Lay the claim's program out in `into`: the starter, a folder of its own, or the reference with a patch."""
    spec = exercise.spec
    own = spec.candidate.starter if claim.kind == "starter" else spec.proof.reference
    shutil.copytree(claim.folder or exercise.folder / own, into, ignore=shutil.ignore_patterns("__pycache__"))
    if claim.patch:
        apply_patch(claim.patch, into)
    return into


def apply_patch(patch: Path, folder: Path) -> None:
    """Apply a patch to a program in `folder`. Raises ContentError when it does not fit."""
    command = ["git", "apply", "-p1", "--whitespace=nowarn", str(patch.resolve())]
    # Outside any repository, so that git neither reads one's settings nor skips files it would ignore there.
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )
    if done.returncode:
        raise ContentError((f"{patch}: does not apply to the reference: {done.stderr.strip()}",))


def feedback_text(assessment: Assessment) -> str:
    """Return what a candidate reads about each criterion that is not met."""
    parts = []
    for result in assessment.results:
        if result.verdict == "not_met":
            failed = next((seen for seen in result.observations if seen.outcome == "failed"), None)
            lines = [f"{result.criterion.id}: {failed.summary if failed else result.reason}"]
            if failed:
                lines += [textwrap.indent(f"{word}: {text}", "  ") for word, text in failed.told().items()]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def normal(text: str) -> str:
    """Return `text` with everything that differs between two runs of the same program replaced."""
    for pattern, stand_in in NORMAL:
        text = pattern.sub(stand_in, text)
    return text


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
