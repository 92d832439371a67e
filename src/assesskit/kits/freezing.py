"""A workspace frozen into one archive::

<name>.zip
    manifest.json      what it holds, and what it was started from
    files/…            the workspace without what git ignores
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from assesskit import __version__, store
from assesskit.content import Exercise
from assesskit.errors import SubmissionError, UsageError
from assesskit.kits.manifest import FrozenFile, Manifest, not_of
from assesskit.kits.naming import listed
from assesskit.kits.packing import Entry, packed
from assesskit.kits.secrecy import secrets_in
from assesskit.kits.selecting import select
from assesskit.kits.workspaces import read_workspace

MANIFEST = "manifest.json"
FILES = "files/"


def freeze(workspace: Path, exercise: Exercise, out: Path, *, now: datetime, allowed: Collection[str] = ()) -> Manifest:
    """Write the archive `out` and return what it holds. Files that are `allowed` are not searched for secrets.

    Raises UsageError if the folder is no workspace of this exercise or `out` lies inside it, SubmissionError for what
    cannot or should not travel (see `select` and `secrets_in`), StoreError if it cannot be written.
    """
    started_from = read_workspace(workspace)
    if problem := not_of(exercise, started_from):
        raise UsageError(problem, where=str(workspace))
    if out.resolve().is_relative_to(workspace.resolve()):
        raise UsageError("lies inside the workspace it would hold", where=str(out), hint="Name a file elsewhere.")
    files = select(workspace, exercise)
    if secrets := [found for file in files if file.path not in allowed for found in secrets_in(file)]:
        hint = "Remove them, or name the files in .gitignore: nobody who grades needs them. "
        hint += "If one is made up, for a test say, submit with --allow FILE."
        raise SubmissionError(
            listed("holds what looks like keys or passwords", secrets), where=str(workspace), hint=hint
        )
    manifest = Manifest(
        workspace=started_from,
        frozen=now,
        tool=__version__,
        files=tuple(
            FrozenFile(
                path=file.path,
                sha256=hashlib.sha256(file.data).hexdigest(),
                size=len(file.data),
                executable=file.executable,
            )
            for file in files
        ),
    )
    entries = (Entry(FILES + file.path, file.data, file.executable) for file in files)
    store.write(out, packed([Entry(MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n"), *entries]))
    return manifest
