"""How often a verdict under load is wrong: gradings of programs whose verdicts are known, half of them beside noise.

Each grading is a whole one, through `assess` and a pod of its own, with every criterion left out but those asked for;
only the images are built once. A line is written for each as soon as it is over, and a study that was interrupted goes
on where it stopped. The noise: processes that burn the processor all the time, one a core, and as many again that burn
in bursts of up to a second; they end with the grading.

    python -m benchmarks.latency --runs 100 [--runtime process] [--only slow] [--criterion ID] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assesskit.assess import Task, assess
from assesskit.cli import settings
from assesskit.content import Exercise
from assesskit.kits import take
from assesskit.pods import PodRuntime
from assesskit.proof.claims import claims
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
    runtime = settings.runtime(settings.Kind(asked.runtime))
    programs = asked.only or list(PROGRAMS)
    criteria = frozenset(asked.criterion or [READS])
    done = Counter(
        (each["program"], each["noise"]) for each in _results(asked.out) if criteria == each["verdicts"].keys()
    )
    for run in range(asked.runs):
        noise = LOUD if run % 2 else QUIET
        for name in programs:
            if done[name, noise] <= run // 2:
                result = graded(exercise, runtime, name, noise, criteria)
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
                print(f"{name} {noise} {result['seconds']:.0f} s {result['verdicts']}", file=sys.stderr)
    print(table(_results(asked.out)))


def graded(exercise: Exercise, runtime: PodRuntime, name: str, noise: str, criteria: frozenset[str]) -> dict[str, Any]:
    """Grade a program once and return what a line of the study holds."""
    without = frozenset(criterion.id for criterion in exercise.criteria) - criteria
    with tempfile.TemporaryDirectory() as scratch, noisy(loud=noise == LOUD):
        program = laid_out(exercise, name, Path(scratch) / "program")
        taken = take(program, exercise, Path(scratch) / "taken")
        task = Task(exercise, taken.folder, taken.submitted, ("public", "hidden"), without)
        began = time.monotonic()
        assessment = assess(task, runtime, quiet_lock=settings.quiet_lock(), on_event=lambda _event: None).assessment
    results = {result.criterion.id: result for result in assessment.results if result.criterion.id in criteria}
    return {
        "program": name,
        "noise": noise,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runtime": runtime.name,
        "outcome": assessment.outcome,
        "verdicts": {key: result.verdict for key, result in results.items()},
        "reasons": {key: result.reason for key, result in results.items()},
        "levels": _figures(assessment.model_dump()["levels"]),
        "load_seconds": assessment.load_seconds,
        "phases": assessment.seconds,
        "checks": {key: round(sum(seen.seconds for seen in result.observations), 1) for key, result in results.items()},
        "seconds": round(time.monotonic() - began, 1),
    }


def laid_out(exercise: Exercise, name: str, folder: Path) -> Path:
    """Lay out the reference, or the wrong program that waits before it reads, made to wait as long as it should."""
    wanted = WAITING if PROGRAMS[name] else "reference"
    lay_out(next(claim for claim in claims(exercise) if claim.name == wanted), folder)
    if PROGRAMS[name]:
        ordering = folder / "orders" / "ordering.py"
        text = ordering.read_text()
        if text.count(WAIT) != 1:
            raise SystemExit(f"{WAITING} no longer says {WAIT!r}")
        ordering.write_text(text.replace(WAIT, f"REPLICA_LAG = {PROGRAMS[name]}"))
    return folder


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


def table(results: list[dict[str, Any]]) -> str:
    """Return how often each program got which verdict, by criterion and noise, and how many verdicts were wrong."""
    rows = ["| criterion | program | noise | met | not met | inconclusive | wrong |", "| --- " * 7 + "|"]
    for criterion in sorted({key for each in results for key in each["verdicts"]}):
        for name in PROGRAMS:
            for noise in (QUIET, LOUD):
                found = Counter(
                    each["verdicts"][criterion]
                    for each in results
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
    return parser.parse_args()


def _results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _figures(levels: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the levels without single samples."""
    for side in (levels or {}).get("sides", {}).values():
        for route in side["routes"].values():
            del route["samples_ms"]
    return levels


if __name__ == "__main__":
    main()
