"""A submission taken in. Nobody is trusted: an archive is what its manifest says, or it is refused.

Only the manifest's list is ever written, each file read up to the size it names, so that no ratio, count or lying
header of an archive costs more than the exercise's own limit.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from assesskit.content import Exercise
from assesskit.content.digests import digest_of
from assesskit.errors import SubmissionError
from assesskit.kits.folders import appearing, put
from assesskit.kits.freezing import FILES, MANIFEST
from assesskit.kits.manifest import MARKER, FrozenFile, Manifest, Workspace, not_of
from assesskit.kits.naming import MAX_FILES, listed, max_bytes, missing, name_problems
from assesskit.kits.selecting import select
from assesskit.kits.workspaces import read_workspace
from assesskit.model import Submitted

MAX_MANIFEST = 8 * 1024 * 1024
"""Bytes. `MAX_FILES` files with long names need less."""

MAX_ARCHIVE = 256 * 1024 * 1024
"""Bytes read of an archive before the exercise, and with it the limit that counts, is known."""

_ENTRY = b"PK\x01\x02"
"""What every entry of a zip's directory begins with."""

_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError
)  # fmt: skip
"""What zipfile raises for archives it cannot read: RuntimeError for a password, ValueError for names and offsets."""


@dataclass(frozen=True)
class Taken:
    """A submission's files in a folder of ours, and its identity for the assessment."""

    folder: Path
    submitted: Submitted


def origin_of(path: Path) -> Workspace | None:
    """What a submission says it was started from; None for a folder that is no workspace.

    Raises SubmissionError for an archive that cannot be read, UsageError for a workspace whose marker cannot.
    """
    if path.is_dir():
        return read_workspace(path) if (path / MARKER).exists() else None
    with _regular(path) as file, _opened(file, MAX_ARCHIVE, str(path)) as archive:
        return _manifest(archive, str(path)).workspace


def take(path: Path, exercise: Exercise, into: Path) -> Taken:
    """Take a folder, or an archive that `freeze` made, into the new folder `into`.

    A folder needs no manifest; its git-ignored files are left out. An archive must hold exactly what its manifest says,
    for this exercise and version. Raises SubmissionError naming what does not hold; then nothing is left behind.
    """
    if path.is_dir():
        return _take_folder(path, exercise, into)
    with _regular(path) as file:
        return _take_archive(file, path, exercise, into)


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    if path.exists() and not path.is_file():
        raise SubmissionError("is neither a folder nor a file", where=str(path))
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SubmissionError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _take_folder(path: Path, exercise: Exercise, into: Path) -> Taken:
    files = select(path, exercise)
    with appearing(into) as folder:
        for file in files:
            put(folder, file.path, file.data, executable=file.executable)
    digest = digest_of({file.path: hashlib.sha256(file.data).hexdigest() for file in files})
    return Taken(into, Submitted(name=path.resolve().name, digest=digest))


def _take_archive(file: BinaryIO, path: Path, exercise: Exercise, into: Path) -> Taken:
    where = str(path)
    with _opened(file, max_bytes(exercise) + MAX_MANIFEST, where) as archive:
        manifest = _manifest(archive, where)
        if problem := not_of(exercise, manifest.workspace):
            hint = "Grade it with the content it was started from, or a version of the exercise of its own."
            raise SubmissionError(problem, where=where, hint=hint)
        if problems := list(_wrong(archive, manifest, exercise)):
            raise SubmissionError(listed("cannot be taken", problems), where=where)
        with _damage_named(where):
            contents = [_read(archive, FILES + entry.path, entry.size) for entry in manifest.files]
    altered = [repr(entry.path) for entry, data in zip(manifest.files, contents, strict=True) if not _is(data, entry)]
    if altered:
        raise SubmissionError(listed("holds files that are not those of its manifest", altered), where=where)
    with appearing(into) as folder:
        for entry, data in zip(manifest.files, contents, strict=True):
            put(folder, entry.path, data, executable=entry.executable)
    said = manifest.model_dump(mode="json", exclude={"files"})
    return Taken(into, Submitted(name=path.stem, digest=manifest.digest(), manifest=said))


@contextmanager
def _opened(file: BinaryIO, limit: int, where: str) -> Iterator[zipfile.ZipFile]:
    _bounded(file, limit, where)
    with _damage_named(where):
        archive = zipfile.ZipFile(file)
    with archive:
        _plainly_compressed(archive, where)
        yield archive


@contextmanager
def _damage_named(where: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        why = str(error) or "it ends too early"
        raise SubmissionError(f"cannot be read as a zip archive: {why}", where=where) from error


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The entry's bytes; one more than `limit` if it is longer."""
    with archive.open(name) as stream:
        return stream.read(limit + 1)


def _is(data: bytes, entry: FrozenFile) -> bool:
    return len(data) == entry.size and hashlib.sha256(data).hexdigest() == entry.sha256


def _bounded(file: BinaryIO, limit: int, where: str) -> None:
    """Before zipfile reads its directory whole: neither the archive nor that directory is larger than any of ours."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise SubmissionError(f"is larger than {limit // 1024**2} MiB", where=where)
    if data.count(_ENTRY) > 2 * MAX_FILES:
        raise SubmissionError(f"holds more than {MAX_FILES} files", where=where)


def _plainly_compressed(archive: zipfile.ZipFile, where: str) -> None:
    """Before anything is unpacked: the other methods may ask for as much memory as they like."""
    for info in archive.infolist():
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SubmissionError(f"{info.orig_filename!r} is compressed in a way we do not take", where=where)


def _manifest(archive: zipfile.ZipFile, where: str) -> Manifest:
    hint = "Only archives that `assesskit submit` made can be taken; a folder can be taken as it is."
    if MANIFEST not in archive.namelist():
        raise SubmissionError(f"holds no {MANIFEST}", where=where, hint=hint)
    with _damage_named(where):
        data = _read(archive, MANIFEST, MAX_MANIFEST)
    if len(data) > MAX_MANIFEST:
        raise SubmissionError(f"its {MANIFEST} is larger than {MAX_MANIFEST // 1024**2} MiB", where=where)
    try:
        return Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SubmissionError(f"{MANIFEST}: {key!r}: {first['msg']}", where=where, hint=hint) from error


def _wrong(archive: zipfile.ZipFile, manifest: Manifest, exercise: Exercise) -> Iterator[str]:
    """What is wrong with the directory of an archive, before any file of it is read."""
    paths = [entry.path for entry in manifest.files]
    yield from name_problems(paths)
    if (total := sum(entry.size for entry in manifest.files)) > max_bytes(exercise):
        yield f"{total / 1024**2:.1f} MiB unpacked, at most {exercise.spec.submission.max_mb} are allowed"
    yield from (f"{name}: is missing, and required" for name in missing(exercise, paths))
    there = Counter(info.orig_filename for info in archive.infolist() if not info.orig_filename.endswith("/"))
    expected = {MANIFEST, *(FILES + path for path in paths)}
    yield from (f"{name!r}: is in its manifest and not in it" for name in sorted(expected.difference(there)))
    yield from (f"{name!r}: is in it and not in its manifest" for name in sorted(there.keys() - expected))
    yield from (f"{name!r}: is there twice" for name, times in sorted(there.items()) if times > 1)
    sizes = {FILES + entry.path: entry.size for entry in manifest.files}
    for info in archive.infolist():
        if sizes.get(info.orig_filename, info.file_size) != info.file_size:
            yield f"{info.orig_filename!r}: has another size than its manifest says"
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            yield f"{info.orig_filename!r}: is a link or special file"
