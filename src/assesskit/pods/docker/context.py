"""A folder as a build context: the same files always give the same bytes, and nothing outside the folder gets in."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from typing import IO, TYPE_CHECKING

from docker.utils import exclude_paths

from assesskit.errors import SubmissionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 20_000
IGNORED = [".git", "**/__pycache__", "**/.venv", "**/.pytest_cache"]


def pack(folder: Path, dockerfile: str, into: IO[bytes]) -> str:
    """Write the folder's files as a tar to `into`; return its SHA-256.

    Honours .dockerignore. Raises SubmissionFailed (phase ``build``) for links that leave the folder, special files, a
    missing Dockerfile, and sizes over the bounds.
    """
    if not (folder / dockerfile).is_file():
        raise SubmissionFailed("build", f"there is no {dockerfile} in the submission")
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as archive:
        size = 0
        for count, info in enumerate(_entries(folder, dockerfile)):
            size += info.size
            if size > MOST_BYTES or count > MOST_FILES:
                raise SubmissionFailed("build", f"the build context is over {MOST_BYTES} bytes or {MOST_FILES} files")
            if info.isreg():
                with (folder / info.name).open("rb") as source:
                    archive.addfile(info, source)
            else:
                archive.addfile(info)
    into.seek(0)
    digest = hashlib.file_digest(into, "sha256").hexdigest()  # type: ignore[arg-type]
    into.seek(0)
    return digest


def pack_ours(recipe: str, wheelhouse: Path | None, into: IO[bytes]) -> None:
    """Write a context of ours to `into`: a Dockerfile, and the wheelhouse, if there is one, as ``wheels``."""
    with tarfile.open(fileobj=into, mode="w") as archive:
        if wheelhouse:
            archive.add(wheelhouse, "wheels", filter=_plain)
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(recipe)
        archive.addfile(info, io.BytesIO(recipe.encode()))
    into.seek(0)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    return info.replace(mode=0o755 if info.isdir() else 0o644, uid=0, gid=0, uname="", gname="", mtime=0, deep=False)


def _entries(folder: Path, dockerfile: str) -> Iterator[tarfile.TarInfo]:
    for name in sorted(exclude_paths(str(folder), IGNORED + _ignored(folder), dockerfile)):
        path = folder / name
        found = path.lstat()
        info = tarfile.TarInfo(name)
        if stat.S_ISLNK(found.st_mode):
            if not _stays(folder, path):
                raise SubmissionFailed("build", f"{name} is a link that leaves the folder")
            info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
        elif stat.S_ISDIR(found.st_mode):
            info.type, info.mode = tarfile.DIRTYPE, 0o755
        elif stat.S_ISREG(found.st_mode):
            info.size, info.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
        else:
            raise SubmissionFailed("build", f"{name} is neither a file, a folder nor a link")
        yield info


def _ignored(folder: Path) -> list[str]:
    path = folder / ".dockerignore"
    if not path.is_file() or path.is_symlink():
        return []
    lines = (line.strip() for line in path.read_text(errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _stays(folder: Path, link: Path) -> bool:
    target = link.readlink()
    where = os.path.normpath(link.parent.relative_to(folder) / target)
    return not target.is_absolute() and where != ".." and not where.startswith("../")
