"""What a claim's verdicts rest on. While none of it has changed, grading its program again shows nothing new.

The sources of a run count whole, and so do the graders: checks of one session share a pod, and what an early one does
to the service (a volley, a kill, a filled store) is what a later one finds. A digest of each check's own file would say
"unchanged" about verdicts that another file's edit has changed.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

from assesskit.content import Exercise
from assesskit.content.digests import digest_files, digest_of, files_below, without
from assesskit.proof.claims import Claim

RestsOn = dict[str, str]
"""Names of what was looked at, each with its SHA-256 (the runtime: its name)."""

NO_PART = (
    "cli/",
    "reports/",
    "proof/",
    "shipped/",
    "store.py",
    "content/rubric.py",
    "kits/freezing.py",
    "kits/workspaces.py",
)
"""Sources that take no part in a run or in what is said of it. A source that is not named here takes part."""
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
    return {
        "sources": sources(),
        "graders": exercise.digests().graders,
        "exercise": _exercise(exercise.origin),
        "runtime": runtime,
    }


def drawn(exercise: Exercise) -> RestsOn:
    """What else the verdicts on a variant's programs rest on: what declares the variants."""
    if exercise.variant.seed is None:
        return {}
    declared = exercise.origin.variants_file
    return {"variants": digest_files({declared.name: declared}) if declared.is_file() else ""}


def program(claim: Claim) -> RestsOn:
    """What tells a claim's program, and what it is held against, from another's."""
    files = {f"program/{name}": path for name, path in files_below(claim.folder).items()}
    if claim.patch:
        files["patch"] = claim.patch
    return {"program": digest_files(files), "claim": _told([claim.kind, sorted(claim.fails), claim.outcome])}


def golden(claim: Claim) -> RestsOn:
    """The text a wrong program's feedback is compared with, empty while there is none."""
    return {"golden": digest_files({"golden": claim.golden}) if claim.golden and claim.golden.is_file() else ""}


def sources() -> str:
    """SHA-256 of the package's own sources that take part in a run."""
    files = files_below(Path(str(resources.files("assesskit"))))
    return digest_files({name: path for name, path in files.items() if not name.startswith(NO_PART)})


def _exercise(exercise: Exercise) -> str:
    """SHA-256 of the exercise as a run sees it: without what only candidates read, and with the reference."""
    spec = exercise.spec
    files = without(files_below(exercise.folder), "proof", keep=[spec.proof.reference])
    files = without(files, spec.candidate.starter)
    for name in ("exercise.toml", exercise.variants_file.name, spec.candidate.brief):
        files.pop(name, None)
    seen = _told(spec.model_dump(mode="json", exclude=NO_PART_OF_SPEC))  # type: ignore[arg-type]  # a nested exclude
    return digest_of({"files": digest_files(files), "spec": seen})


def _told(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
