"""What a claim's verdicts rest on. While none of it has changed, grading its program again shows nothing new.

The sources that take part count whole (see `sources`), and so do the graders: checks of one session share a pod, and
what an early one does to the service (a volley, a kill, a filled store) is what a later one finds. A digest of each
check's own file would say "unchanged" about verdicts that another file's edit has changed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from assesskit.content import Exercise, faulty, variation
from assesskit.content.digests import digest_files, digest_of, files_below, without
from assesskit.content.exercise import SETS
from assesskit.proof.claims import Claim
from assesskit.proof.sources import sources

RestsOn = dict[str, str]
"""Names of what was looked at, each with its SHA-256 (the runtime: its name)."""

NO_PART_OF_SPEC = {
    "title": True,
    "summary": True,
    "version": True,
    "minutes": True,
    "ai": True,
    "candidate": True,
    "proof": {"starter", "alternates"},
}
"""Keys of exercise.toml that tell people something, or that each claim is held against on its own."""


def measured_with(exercise: Exercise, runtime: str) -> RestsOn:
    """What the verdicts on any program rest on: the sources of a run, the graders, the exercise and the runtime.

    It is the same for all variants, which are made of the same files. Of the rubric nothing: points and texts change no
    verdict.
    """
    tests = (exercise.public_tests, exercise.hidden_tests)
    graders = [path for folder in tests for name, path in files_below(folder).items() if name.endswith(".py")]
    return {
        "sources": digest_files(sources(graders, runtime, [one.module for one in exercise.spec.grader.instruments])),
        "graders": exercise.digests().graders,
        "exercise": _exercise(exercise.origin),
        "runtime": runtime,
    }


def drawn(exercise: Exercise) -> RestsOn:
    """What else the verdicts on a variant's programs rest on: what declares the variants, who writes them, and the set
    of faults that was drawn.
    """
    if exercise.variant.seed is None:
        return {}
    written = exercise.origin
    declared = written.variants_file
    files = {"declared": declared, "written": Path(variation.__file__)}
    if chosen := exercise.variant.parameters.get(SETS):
        files |= {"made": Path(faulty.__file__), **files_below(written.folder / SETS / chosen)}
        files |= {
            f"faults/{one.name}": one.patch for one in written.mutants if one.patch and one.name in exercise.faults
        }
    return {"variants": digest_files(files) if declared.is_file() else ""}


def program(claim: Claim) -> RestsOn:
    """What tells a claim's program, and what it is held against, from another's."""
    files = {f"program/{name}": path for name, path in files_below(claim.folder).items()}
    if claim.patch:
        files["patch"] = claim.patch
    return {"program": digest_files(files), "claim": _told([claim.kind, sorted(claim.fails), claim.outcome])}


def golden(claim: Claim) -> RestsOn:
    """The text a wrong program's feedback is compared with, empty while there is none."""
    return {"golden": digest_files({"golden": claim.golden}) if claim.golden and claim.golden.is_file() else ""}


def _exercise(exercise: Exercise) -> str:
    """SHA-256 of the exercise as a run sees it: without what only candidates read, and with the reference."""
    spec = exercise.spec
    files = without(files_below(exercise.folder), "proof", keep=[spec.proof.reference])
    files = without(without(files, spec.candidate.starter), SETS)
    for name in ("exercise.toml", exercise.variants_file.name, spec.candidate.brief):
        files.pop(name, None)
    dumped = _said(spec.model_dump(mode="json", exclude=NO_PART_OF_SPEC))  # type: ignore[arg-type]  # a nested exclude
    checks = {criterion: [check.name for check in found] for criterion, found in exercise.checks.items()}
    return digest_of({"files": digest_files(files), "spec": _told(dumped), "checks": _told(checks)})


def _said(value: object) -> object:
    """Without what is none or empty: a key that an exercise does not use says nothing, and may be a new one."""
    if isinstance(value, dict):
        return {key: said for key, each in value.items() if (said := _said(each)) not in (None, {}, [], "")}
    return [_said(each) for each in value] if isinstance(value, list) else value


def _told(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
