"""Zip archives of ours: the same files give the same bytes, and what is read is bounded before it is unpacked."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from assesskit.errors import AssesskitError
from assesskit.kits.naming import MAX_FILES, name_problems

MAX_PACKED = 256 * 1024 * 1024
MAX_UNPACKED = 256 * 1024 * 1024
"""Bytes of an archive, and of all that it holds."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time a zip can tell: the same files give the same archive, whenever they were touched."""
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for archives it cannot read."""


class Entry(NamedTuple):
    """A file of an archive."""

    name: str
    data: bytes
    executable: bool = False


def packed(entries: Iterable[Entry]) -> bytes:
    """Return the archive of these files, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _EPOCH)
            info.create_system = 3  # Unix, wherever it is made
            info.external_attr = (stat.S_IFREG | (0o755 if entry.executable else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.data)
    return buffer.getvalue()


def unpacked(path: Path, refused: type[AssesskitError]) -> dict[str, bytes]:
    """Read an archive whole; folders of it are left out. Raises `refused`, which says what is wrong with it."""
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PACKED + 1)
    except OSError as error:
        raise refused(f"cannot be read: {error.strerror}", where=where) from error
    if len(data) > MAX_PACKED or data.count(b"PK\x01\x02") > 2 * MAX_FILES:
        raise refused(f"is larger than {MAX_PACKED // 1024**2} MiB, or holds more than {MAX_FILES} files", where=where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.orig_filename.endswith("/")]
            if problem := _problem(infos):
                raise refused(problem, where=where)
            return {info.filename: _read(archive, info) for info in infos}
    except DAMAGED as error:
        raise refused(f"cannot be read as a zip archive: {error or 'it ends too early'}", where=where) from error


def _problem(infos: list[zipfile.ZipInfo]) -> str | None:
    names = Counter(info.orig_filename for info in infos)
    problems = list(name_problems(list(names.elements())))
    problems += (f"{info.orig_filename!r}: is a link or special file" for info in infos if not _is_plain(info))
    if sum(info.file_size for info in infos) > MAX_UNPACKED:
        problems.append(f"is more than {MAX_UNPACKED // 1024**2} MiB unpacked")
    return problems[0] if problems else None


def _is_plain(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in (0, stat.S_IFREG) and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The entry's bytes, of which there are as many as its header says, and no more are ever unpacked."""
    with archive.open(info) as stream:
        data = stream.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise ValueError(f"{info.orig_filename!r} has another size than the archive says")
    return data
