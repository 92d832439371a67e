"""New folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assesskit.errors import StoreError, UsageError


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes `folder` at the end. After any error nothing of it is left.

    Raises UsageError if `folder` is there already and not empty, StoreError if it cannot be made.
    """
    folder = folder.resolve()
    there = folder.exists()
    if there and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError("is there already and not empty", where=str(folder), hint="Name a new folder.")
    staged = folder.with_name(f".{folder.name[:100]}.{secrets.token_hex(6)}")
    try:
        staged.mkdir(parents=True)
        staged.chmod(0o755)
        yield staged
        if there:  # somebody may stand in it, so it stays the same folder
            for child in staged.iterdir():
                child.rename(folder / child.name)
        else:
            staged.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def put(folder: Path, path: str, data: bytes, *, executable: bool) -> None:
    """Write a new file at the relative `path` below `folder`, with folders as needed and modes of our own.

    Every step is relative to an open folder and follows no link, so that nothing lands outside even if a name is lying.
    Raises OSError.
    """
    *parents, name = path.split("/")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for parent in parents:
            inner = _step_into(handle, parent)
            os.close(handle)
            handle = inner
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode=0o600, dir_fd=handle)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), 0o755 if executable else 0o644)
    finally:
        os.close(handle)


def _step_into(handle: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=handle)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=handle)
        made = os.open(name, flags, dir_fd=handle)
        os.fchmod(made, 0o755)
        return made
