"""What identifies the content a run was made with."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

CACHES = frozenset({"__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".DS_Store"})
"""What tools leave behind; never content."""


def files_below(folder: Path) -> dict[str, Path]:
    """Regular files below `folder` by `/`-separated relative path, sorted; links are neither followed nor listed."""
    found: dict[str, Path] = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if CACHES.isdisjoint(relative.parts) and _is_regular(path):
            found[relative.as_posix()] = path
    return dict(sorted(found.items()))


def _is_regular(path: Path) -> bool:
    """Whether a path is a regular file; one that went away meanwhile, as half-written files do, is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def irregular_below(folder: Path) -> list[str]:
    """Relative paths of everything below `folder` that is neither a folder nor a regular file."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not (stat.S_ISREG(mode := path.lstat().st_mode) or stat.S_ISDIR(mode))
    )


def digest_of(files: Mapping[str, str]) -> str:
    """SHA-256 over sorted (path, SHA-256 of the file) pairs; both unambiguous, whatever the names hold."""
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{len(path.encode('utf-8', 'surrogateescape'))}:".encode())
        total.update(path.encode("utf-8", "surrogateescape"))
        total.update(bytes.fromhex(content))
    return total.hexdigest()


def digest_files(files: Mapping[str, Path]) -> str:
    """`digest_of` for files on disk."""
    return digest_of({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})


def without(files: Mapping[str, Path], prefix: str, *, keep: Iterable[str] = ()) -> dict[str, Path]:
    """The files that are not below `prefix`, except those below one of `keep`."""
    kept = tuple(f"{folder}/" for folder in keep)
    return {name: path for name, path in files.items() if not name.startswith(f"{prefix}/") or name.startswith(kept)}
