"""Do `check` and `grade` give the same verdict on every public criterion? Over an exercise's proof programs.

    python -m benchmarks.agreement                     every program that has no line yet, then the table
    python -m benchmarks.agreement --only starter …    these programs
    python -m benchmarks.agreement --table             the table of what is there

Each program is laid out as `prove` lays it out, and checked as a candidate checks it: with the exercise of a kit, which
holds the public checks alone. `grade`'s verdicts are those of the program's proof, which is a whole grading, where one
is kept and stands; else, and where the two differ, it is graded whole here. A line of JSON is written for each
program as it is done, with digests of all it rests on, so that a run that was broken off goes on.

What either side could not judge is no disagreement, and is counted. Where a hidden check looks at a public criterion as
well, which the brief and `check` say, `grade` may know more than `check`: that is told apart, when the public checks
themselves came out the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assesskit.assess import EVERYTHING, Task, assess
from assesskit.cli import settings
from assesskit.content import Exercise
from assesskit.kits import take
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import begin
from assesskit.kits.kit import open_kit
from assesskit.model import Assessment
from assesskit.pods import PodRuntime
from assesskit.proof import record
from assesskit.proof.claims import Claim, claims
from assesskit.proof.reliability import rests_on
from assesskit.proof.signing import KEYS, trusted
from assesskit.prove import lay_out
from assesskit.signatures import signer_at

ROOT = Path(__file__).parents[1]
DIFFERS, MORE, ALIKE = "differs", "grade knows more", "the same"
NEITHER, NO_CHECK, NO_GRADE = "neither could tell", "check could not tell", "grade could not tell"


def of_a_kit(exercise: Exercise, folder: Path) -> Exercise:
    """The exercise as a candidate has it."""
    now = datetime.now(UTC)
    (folder / "kit.zip").write_bytes(
        invite(exercise, Invitation("C-1", None, "0" * 16), signer_at(folder / "key.pem"), now=now)[1]
    )
    return begin(open_kit(folder / "kit.zip"), folder / "work", now=now).exercise()


def seen(exercise: Exercise, program: Path, runtime: PodRuntime, tests: tuple[str, ...]) -> Assessment:
    """Run a program as `check` does, or as `grade` does without load, which no public check offers."""
    with tempfile.TemporaryDirectory() as temporary:
        taken = take(program, exercise, Path(temporary) / "taken")
        without = frozenset(exercise.spec.proof.load if tests == EVERYTHING else ())
        task = Task(exercise, taken.folder, taken.submitted, tests=tests, without=without)
        return assess(task, runtime, quiet_lock=settings.quiet_lock(), on_event=lambda _: None).assessment


def told(assessment: Assessment, public: Sequence[str]) -> dict[str, Any]:
    """Verdicts on public criteria, and how each public check came out."""
    results = [result for result in assessment.results if result.criterion.id in public]
    shown = [one for result in results for one in result.observations if one.visibility == "public"]
    return {
        "outcome": assessment.outcome,
        "verdicts": {result.criterion.id: result.verdict for result in results},
        "checks": {one.check: one.outcome for one in shown},
        "seconds": round(sum(assessment.seconds.values()), 1),
    }


def kept(exercise: Exercise, claim: Claim, public: Sequence[str], runtime: str) -> dict[str, Any] | None:
    """What the proof of a claim says, if one is kept and nothing that it rests on has changed."""
    (standing,) = record.standing(exercise, [claim], runtime, trusted(exercise.root, KEYS))
    if not standing.kept:
        return None
    entry = record.record(exercise, trusted(exercise.root, KEYS)).read().entries[claim.name]
    return {"outcome": entry.outcome, "verdicts": {key: entry.verdicts[key] for key in public}, "proof": True}


def compared(line: Mapping[str, Any], criterion: str) -> str:
    """How the two sides stand to each other on a criterion."""
    check, grade = (line[side]["verdicts"][criterion] for side in ("check", "grade"))
    if check == grade:
        return NEITHER if check == "ungraded" else ALIKE
    if "ungraded" in (check, grade):
        return NO_CHECK if check == "ungraded" else NO_GRADE
    checks = line["grade"].get("checks")
    same = checks is not None and all(checks.get(name) == how for name, how in line["check"]["checks"].items())
    return MORE if same and (check, grade) == ("met", "not_met") and criterion in line["looked at again"] else DIFFERS


def measured(exercise: Exercise, given: Exercise, claim: Claim, runtime: PodRuntime) -> dict[str, Any]:
    """Check a program, and grade it where no proof says what comes of that or where it says something else."""
    public = [criterion.id for criterion in given.criteria if given.checks[criterion.id]]
    with tempfile.TemporaryDirectory() as temporary:
        program = lay_out(claim, Path(temporary) / claim.name)
        line: dict[str, Any] = {
            "program": claim.name,
            "kind": claim.kind,
            "rests_on": rests_on(exercise, claim, runtime.name),
            "looked at again": [key for key in public if key in given.looked_at_again],
            "check": told(seen(given, program, runtime, ("public",)), public),
        }
        line["grade"] = kept(exercise, claim, public, runtime.name)
        if line["grade"] is None or DIFFERS in {compared(line, key) for key in public}:
            line["grade"] = told(seen(exercise, program, runtime, EVERYTHING), public)
    return line


def table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How often they agree, by criterion, and every program on which they do not."""
    words = (ALIKE, MORE, DIFFERS, NO_CHECK, NO_GRADE, NEITHER)
    yield f"| criterion | met | not met | {' | '.join(words)} |"
    yield "| --- |" + " ---: |" * (len(words) + 2)
    criteria = sorted({key for line in lines for key in line["check"]["verdicts"]})
    total: Counter[str] = Counter()
    for criterion in criteria:
        counts = Counter(compared(line, criterion) for line in lines)
        graded = Counter(line["grade"]["verdicts"][criterion] for line in lines)
        total.update(counts)
        numbers = [graded["met"], graded["not_met"], *(counts[word] for word in words)]
        yield f"| `{criterion}` | {' | '.join(map(str, numbers))} |"
    proven = sum(bool(line["grade"].get("proof")) for line in lines)
    yield f"\n{len(lines)} programs, {sum(total.values())} pairs of verdicts: {dict(total)}"
    yield f"grade's verdicts are those of {proven} kept proofs, and of {len(lines) - proven} gradings made for this"
    for line in lines:
        for criterion in criteria:
            if (how := compared(line, criterion)) != ALIKE:
                sides = " and ".join(f"{side} {line[side]['verdicts'][criterion]}" for side in ("check", "grade"))
                yield f"  {line['program']}: {criterion}: {how} ({sides})"


def main() -> None:
    """Measure what has no line that stands, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement")
    parser.add_argument("--exercise", default="build-service")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--runtime", choices=["docker", "process"], default="docker")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    exercise = settings.exercise(ROOT, asked.exercise)
    out = asked.out or ROOT / "assessments" / f"agreement-{exercise.slug}-{asked.runtime}.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    wanted = [claim for claim in claims(exercise) if not asked.only or claim.name in asked.only]
    now = {claim.name: rests_on(exercise, claim, asked.runtime) for claim in wanted}
    old = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {line["program"]: line for line in old if line["rests_on"] == now.get(line["program"])}
    if not asked.table:
        runtime = settings.runtime(settings.Kind(asked.runtime))
        with tempfile.TemporaryDirectory() as temporary:
            given = of_a_kit(exercise, Path(temporary))
            for claim in (claim for claim in wanted if claim.name not in done):
                began = time.monotonic()
                line = measured(exercise, given, claim, runtime)
                how = Counter(compared(line, key) for key in line["check"]["verdicts"])
                print(f"{claim.name:40} {time.monotonic() - began:5.0f} s  {dict(how)}", flush=True)
                if "harness_failed" in (line["check"]["outcome"], line["grade"]["outcome"]):
                    print("  a fault of ours: not kept")
                    continue
                done[claim.name] = line
                with out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    print("\n".join(table([done[claim.name] for claim in wanted if claim.name in done])))


if __name__ == "__main__":
    main()
