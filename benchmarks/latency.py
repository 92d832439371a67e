"""How often a verdict under load is wrong: gradings of programs whose verdicts are known, half of them beside noise.

Each grading is a whole one, through `assess` and a pod of its own, with every criterion left out but those asked for;
only the images are built once. A line is written for each as soon as it is over, with a digest of all that it rests on:
a study that was interrupted goes on where it stopped, unless checks or programs have changed. The noise: processes that
burn the processor all the time, one a core, and as many again that burn in bursts of up to a second; they end with the
grading.

    python -m benchmarks.latency --runs 100 [--runtime process] [--only slow] [--criterion ID] [--out FILE]
    python -m benchmarks.latency --table

The table is written beside the lines, with `.md` for `.jsonl`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assesskit.assess import Task, assess
from assesskit.cli import settings
from assesskit.content import Exercise
from assesskit.kits import take
from assesskit.pods import PodRuntime
from assesskit.proof import reliability
from assesskit.proof.claims import Claim, claims
from assesskit.prove.programs import lay_out

RESULTS = Path(__file__).with_name("latency.jsonl")
READS = "performance.read-latency"
WAITING, WAIT = "waits-before-reading", "REPLICA_LAG = 0.03"
PROGRAMS = {"reference": 0.0, "borderline": 0.007, "slow": 0.03}
"""Seconds that every read of the reference waits longer, in a program of this name. The budget is 15 ms."""
TRUTH = {"reference": "met", "borderline": "met", "slow": "not_met"}
"""Of performance.read-latency; the others are met by the reference, whatever the noise."""
QUIET, LOUD = "quiet", "loud"
BURN = "import os, time\nwhile os.getppid() == {parent}:\n    pass\n"
BURST = """
import os, random, time
while os.getppid() == {parent}:
    until = time.monotonic() + random.uniform(0.05, 1.0)
    while time.monotonic() < until:
        pass
    time.sleep(random.uniform(0.05, 1.0))
"""


def main() -> None:
    """Grade what is still to be graded, and print the table."""
    asked = _asked()
    exercise = settings.exercise(None, "build-service")
    now = {name: rests_on(exercise, name, asked.runtime) for name in PROGRAMS}
    made = results(asked.out)
    if stale := sum(each["rests_on"] != now[each["program"]] for each in made):
        raise SystemExit(
            f"{asked.out}: {stale} gradings were made in another runtime, or with checks or programs that have changed "
            "since. Name another file with --out, or remove this one to measure anew."
        )
    if not asked.table:
        runtime = settings.runtime(settings.Kind(asked.runtime))
        criteria = frozenset(asked.criterion or [READS])
        done = Counter((each["program"], each["noise"]) for each in made if criteria == each["verdicts"].keys())
        for name, noise in due(asked.runs, asked.only or list(PROGRAMS), done):
            result = graded(exercise, runtime, name, noise, criteria) | {"rests_on": now[name]}
            with asked.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(f"{name} {noise} {result['seconds']:.0f} s {result['verdicts']}", file=sys.stderr)
            made.append(result)
    if not made:
        raise SystemExit(f"{asked.out}: there is none; measure first, without --table")
    page = told(made, exercise.spec.grader.facts["read_budget_ms"])
    asked.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(table(made))


def due(runs: int, programs: Sequence[str], done: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, str]]:
    """Which programs are still to be graded beside which noise, so that the two take turns."""
    for run in range(runs):
        noise = LOUD if run % 2 else QUIET
        yield from ((name, noise) for name in programs if done.get((name, noise), 0) <= run // 2)


def rests_on(exercise: Exercise, name: str, runtime: str) -> str:
    """Return the SHA-256 of all that verdicts on a program rest on."""
    parts = [reliability.rests_on(exercise, _claim(exercise, name), runtime), PROGRAMS[name]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def graded(exercise: Exercise, runtime: PodRuntime, name: str, noise: str, criteria: frozenset[str]) -> dict[str, Any]:
    """Grade a program once and return what a line of the study holds."""
    without = frozenset(criterion.id for criterion in exercise.criteria) - criteria
    with tempfile.TemporaryDirectory() as scratch, noisy(loud=noise == LOUD):
        program = laid_out(exercise, name, Path(scratch) / "program")
        taken = take(program, exercise, Path(scratch) / "taken")
        task = Task(exercise, taken.folder, taken.submitted, ("public", "hidden"), without)
        began = time.monotonic()
        assessment = assess(task, runtime, quiet_lock=settings.quiet_lock(), on_event=lambda _event: None).assessment
    found = {result.criterion.id: result for result in assessment.results if result.criterion.id in criteria}
    return {
        "program": name,
        "noise": noise,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runtime": runtime.name,
        "outcome": assessment.outcome,
        "verdicts": {key: result.verdict for key, result in found.items()},
        "reasons": {key: result.reason for key, result in found.items()},
        "levels": _figures(assessment.model_dump()["levels"]),
        "load_seconds": assessment.load_seconds,
        "phases": assessment.seconds,
        "checks": {key: round(sum(seen.seconds for seen in result.observations), 1) for key, result in found.items()},
        "seconds": round(time.monotonic() - began, 1),
    }


def laid_out(exercise: Exercise, name: str, folder: Path) -> Path:
    """Lay out the reference, or the wrong program that waits before it reads, made to wait as long as it should."""
    lay_out(_claim(exercise, name), folder)
    if PROGRAMS[name]:
        ordering = folder / "orders" / "ordering.py"
        text = ordering.read_text()
        if text.count(WAIT) != 1:
            raise SystemExit(f"{WAITING} no longer says {WAIT!r}")
        ordering.write_text(text.replace(WAIT, f"REPLICA_LAG = {PROGRAMS[name]}"))
    return folder


def _claim(exercise: Exercise, name: str) -> Claim:
    wanted = WAITING if PROGRAMS[name] else "reference"
    return next(claim for claim in claims(exercise) if claim.name == wanted)


@contextmanager
def noisy(*, loud: bool) -> Iterator[None]:
    """Keep the processors busy meanwhile, when it has to be loud."""
    parent, cores = os.getpid(), os.cpu_count() or 1
    programs = [BURN, BURST] * cores if loud else []
    burning = [subprocess.Popen([sys.executable, "-c", text.format(parent=parent)]) for text in programs]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def told(made: Sequence[Mapping[str, Any]], budget_ms: float) -> str:
    """Return the page that shows the table, and what it was measured with."""
    days = sorted({each["at"][:10] for each in made})
    runtimes = ", ".join(sorted({each["runtime"] for each in made}))
    waits = ", ".join(f"{name} {wait * 1000:.0f} ms" for name, wait in PROGRAMS.items())
    return f"""# Verdicts under load

{len(made)} gradings in {runtimes}, from {days[0]} to {days[-1]}, made by `python -m benchmarks.latency`
and counted from the lines of the file beside this one. Every program is build-service's reference with a longer wait
before each read: {waits}. Reads may take {budget_ms:g} ms longer than the
reference's, measured side by side. Beside loud gradings each core had one process that never rested and one that worked
in bursts.

{table(made)}
"""


def table(made: Sequence[Mapping[str, Any]]) -> str:
    """Return how often each program got which verdict, by criterion and noise, and how many verdicts were wrong."""
    rows = ["| criterion | program | noise | met | not met | inconclusive | wrong |", "| --- " * 7 + "|"]
    for criterion in sorted({key for each in made for key in each["verdicts"]}):
        for name in PROGRAMS:
            for noise in (QUIET, LOUD):
                found = Counter(
                    each["verdicts"][criterion]
                    for each in made
                    if (each["program"], each["noise"]) == (name, noise) and criterion in each["verdicts"]
                )
                truth = TRUTH[name] if criterion == READS or name != "slow" else ""
                wrong = sum(found[other] for other in ("met", "not_met") if truth and other != truth)
                counts = " | ".join(str(found[verdict]) for verdict in ("met", "not_met", "ungraded"))
                if found:
                    rows.append(f"| {criterion} | {name} | {noise} | {counts} | {wrong if truth else '-'} |")
    return "\n".join(rows)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--runs", type=int, default=100, help="gradings of each program, half of them loud")
    parser.add_argument("--runtime", choices=("docker", "process"), default="docker")
    parser.add_argument("--only", action="append", choices=list(PROGRAMS))
    parser.add_argument("--criterion", action="append", help=f"instead of {READS}; may be given several times")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="grade nothing; the table of what is there and stands")
    return parser.parse_args()


def results(path: Path) -> list[dict[str, Any]]:
    """Return what the lines of a study hold."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _figures(levels: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the levels without single samples."""
    for side in (levels or {}).get("sides", {}).values():
        for route in side["routes"].values():
            del route["samples_ms"]
    return levels


if __name__ == "__main__":
    main()
