"""A workspace frozen into one archive::

<name>.zip
    manifest.json      what it holds, and what it was started from
    files/…            the workspace without what git ignores
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path, PurePosixPath

from assesskit import __version__, store
from assesskit.content import Exercise
from assesskit.errors import SubmissionError, UsageError
from assesskit.kits.manifest import FrozenFile, Manifest, not_of
from assesskit.kits.naming import listed
from assesskit.kits.selecting import Selected, select
from assesskit.kits.workspaces import read_workspace

MANIFEST = "manifest.json"
FILES = "files/"

_SECRET_NAME = re.compile(
    r"\.env(\.(?!example$|sample$|template$|dist$).*)?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.pgpass|\.git-credentials"
)
_PRIVATE_KEY = re.compile(rb"\s*-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time a zip can tell: the same files give the same archive, whenever they were touched."""


def freeze(workspace: Path, exercise: Exercise, out: Path, *, now: datetime) -> Manifest:
    """Write the archive `out` and return what it holds.

    Raises UsageError if the folder is no workspace of this exercise or `out` lies inside it, SubmissionError for what
    cannot or should not travel (see `select`; also keys and passwords), StoreError if it cannot be written.
    """
    started_from = read_workspace(workspace)
    if problem := not_of(exercise, started_from):
        raise UsageError(problem, where=str(workspace))
    if out.resolve().is_relative_to(workspace.resolve()):
        raise UsageError("lies inside the workspace it would hold", where=str(out), hint="Name a file elsewhere.")
    files = select(workspace, exercise)
    if secrets := [repr(file.path) for file in files if _is_secret(file)]:
        hint = "Remove them, or name them in .gitignore. Nobody who grades needs them."
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
    store.write(out, _archive(manifest, files))
    return manifest


def _is_secret(file: Selected) -> bool:
    name = PurePosixPath(file.path).name
    return bool(_SECRET_NAME.fullmatch(name) or _PRIVATE_KEY.match(file.data))


def _archive(manifest: Manifest, files: Iterable[Selected]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n", 0o644)
        for file in files:
            _add(archive, FILES + file.path, file.data, 0o755 if file.executable else 0o644)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3  # Unix, wherever it is made
    info.external_attr = (stat.S_IFREG | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
