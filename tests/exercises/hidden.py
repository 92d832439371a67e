"""What of an exercise no candidate may hold, as lines that would tell; and where those would be looked for."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from assesskit.content import Exercise
from assesskit.content.digests import files_below

TELLING = 24
"""Characters. A shorter line says nothing that could not be chance."""


def lines(data: bytes) -> Iterator[str]:
    """The lines of a file that are long enough to tell something, without what is around them; imports tell nothing."""
    for line in data.decode("utf-8", "replace").splitlines():
        told = line.strip(" \t+-#\"'`,")
        if len(told) >= TELLING and not told.startswith(("import ", "from ")):
            yield told


def shown(exercise: Exercise) -> set[str]:
    """What candidates may read, named here on its own, so that a kit cannot excuse itself."""
    spec = exercise.spec
    folders = [exercise.public_tests, *(exercise.folder / name for name in ("starter", "services", "contract"))]
    files = [path for folder in folders for path in files_below(folder).values()]
    files += [exercise.folder / name for name in (spec.candidate.brief, spec.submission.wheels, *spec.candidate.files)]
    told = {line for path in files for line in lines(path.read_bytes())}
    for criterion in exercise.criteria:
        told |= {text for key in ("title", "explanation") for text in lines(getattr(criterion, key).encode())}
    return told


def hidden(exercise: Exercise) -> dict[str, set[str]]:
    """What they may not, by kind: hidden checks, proofs, what is noted for interviewers, and what a seed could draw."""
    proof = files_below(exercise.folder / "proof")
    code = {"checks": files_below(exercise.hidden_tests).values(), "proof": proof.values()}
    found = {kind: {line for path in paths for line in lines(path.read_bytes())} for kind, paths in code.items()}
    found["notes"] = set(notes(exercise))
    for file in sorted(exercise.default.folder.glob("*.toml")):  # what a seed could draw, which faults were put in
        if file.name != "exercise.toml":
            found[file.name] = set(lines(file.read_bytes()))
    return {kind: told - shown(exercise) for kind, told in found.items()}


def notes(exercise: Exercise) -> Iterator[str]:
    """What the rubric says for interviewers only: notes, questions, anchors, what good looks like."""
    for criterion in exercise.criteria:
        for text in (criterion.interviewer, criterion.feedback, *criterion.questions, *criterion.anchors):
            yield from lines(text.encode())


def facts(exercise: Exercise) -> set[str]:
    """Names of the facts that only hidden checks read, ground truth among them."""
    said = tomllib.loads((exercise.folder / "exercise.toml").read_text())["grader"].get("facts", {})
    return set(said) - set(exercise.spec.candidate.facts)


def spellings(exercise: Exercise) -> set[str]:
    """Words of all the other variants: who reads one knows what a seed could have drawn."""
    mine = set(exercise.variant.parameters.values())
    choices = [choice.values() for parameter in exercise.default.parameters for choice in parameter.choices]
    own = {word for words in choices if mine & set(words) for word in words}
    return {word for words in choices for word in words if word.isalpha() and word.islower()} - own


def in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a zip."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def in_workspace(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a workspace, kept ones included, and every object of its git history."""
    for name, path in files_below(folder).items():
        yield name, path.read_bytes()
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    yield "git", subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def leaks(files: Iterable[tuple[str, bytes]], told: dict[str, set[str]]) -> list[str]:
    """Every line that tells something hidden, with where it was found."""
    return [
        f"{name}: {kind}: {line}"
        for name, data in files
        for line in lines(data)
        for kind, those in told.items()
        if line in those
    ]


def runs(data: bytes, told: set[str], count: int) -> bool:
    """Whether so many telling lines of a file in a row are hidden ones: one alone may be anybody's."""
    marks = [line in told for line in lines(data)]
    return any(all(marks[at : at + count]) for at in range(len(marks) - count + 1))
