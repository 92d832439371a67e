"""Removes a person's assessments from a folder and leaves figures that name nobody."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from assesskit.errors import AssesskitError, StoreError
from assesskit.journal import LOCK, NAME, PATIENCE, read
from assesskit.reports.erasing import anonymous
from assesskit.store import RunFolder, candidate_of, read_assessment

LEFT = "anonymous.jsonl"


def of_alias(assessments: Iterable[Path]) -> tuple[dict[str, list[Path]], tuple[Path, ...]]:
    """Assessments by the name of their submission and by the candidate of its kit, and files that cannot be read."""
    found: dict[str, list[Path]] = {}
    unreadable: list[Path] = []
    for path in assessments:
        names, wrong = _names(path)
        unreadable += wrong
        for name in names:
            found.setdefault(name, []).append(path)
    return found, tuple(unreadable)


def _names(path: Path) -> tuple[set[str], list[Path]]:
    """Whom an assessment is of, by its submission's name and by its kit, and the file of it that does not say."""
    run = RunFolder(path.parent)
    try:
        names = {read_assessment(path).submission.name}
    except AssesskitError:
        return set(), [path]
    try:
        return names | ({candidate_of(run)} - {""}), []
    except AssesskitError:
        return names, [run.handed]


def erase(assessments: Iterable[Path], folder: Path) -> tuple[Path, ...]:
    """Keep the figures of assessments in `folder`, then remove their files; return what is left of their folders.

    The figures are on the disk before anything is removed, so that a crash in between leaves a person's figures twice
    rather than not at all. Only what assesskit writes is removed, no link is followed. Raises StoreError.
    """
    left: list[Path] = []
    for path in assessments:
        _keep(folder / LEFT, anonymous(read(path)).model_dump_json())
        left += _remove(path.parent)
    return tuple(left)


def _keep(path: Path, line: str) -> None:
    try:
        with FileLock(path.with_name(f".{LEFT}.lock"), timeout=PATIENCE), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except (OSError, Timeout) as error:
        raise StoreError(f"cannot be written: {error}", where=str(path)) from error


def _remove(folder: Path) -> list[Path]:
    run = RunFolder(folder)
    ours = (run.html, run.page, run.markdown, run.checks, run.handed, folder / LOCK, folder / NAME, run.assessment)
    try:
        for path in ours:
            path.unlink(missing_ok=True)
        left = sorted(folder.iterdir())
        if not left:
            folder.rmdir()
    except OSError as error:
        raise StoreError(f"cannot be removed: {error.strerror}", where=str(folder)) from error
    return [path for path in left if path.name not in (LEFT, f".{LEFT}.lock")]
