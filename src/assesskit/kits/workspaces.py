"""A workspace: what a candidate is given, in a git repository of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from assesskit.content import Exercise
from assesskit.errors import StoreError, UsageError
from assesskit.kits.folders import appearing, put
from assesskit.kits.manifest import MARKER, Workspace, kit_digest
from assesskit.kits.packing import Entry

GITIGNORE = """\
__pycache__/
*.pyc
.venv/
venv/
node_modules/
.env
.pytest_cache/
.mypy_cache/
.ruff_cache/
.idea/
.vscode/
.DS_Store
"""
"""For exercises whose starter brings none of its own."""


KEPT = ".git/assesskit"
"""Where a workspace keeps what `check` and the clock need: it moves along, and is in no commit and no archive."""


def start(exercise: Exercise, into: Path, *, now: datetime, keep: Iterable[Entry] = ()) -> Path:
    """Make the workspace `into` and return it: starter, brief as README.md, files, public checks, one commit.

    `keep` are files to be kept beside git's own, named by their path below `KEPT`.

    Raises UsageError if the folder is not empty or there is no git, StoreError if it cannot be written.
    """
    marker = Workspace(
        exercise=exercise.slug,
        version=exercise.spec.version,
        seed=exercise.variant.seed,
        kit=kit_digest(exercise),
        started=now,
    )
    given = [(path, file.read_bytes(), bool(file.stat().st_mode & 0o100)) for path, file in exercise.handout()]
    if ".gitignore" not in (path for path, _, _ in given):
        given.append((".gitignore", GITIGNORE.encode(), False))
    given.append((MARKER, marker.model_dump_json(indent=2).encode() + b"\n", False))
    with appearing(into) as folder:
        for path, data, executable in given:
            put(folder, path, data, executable=executable)
        _first_commit(folder, f"Start {exercise.slug} {exercise.spec.version}", now)
        for entry in keep:
            put(folder, f"{KEPT}/{entry.name}", entry.data, executable=entry.executable)
    return into


def read_workspace(folder: Path) -> Workspace:
    """What a workspace was started from. Raises UsageError if the folder is no workspace."""
    hint = "Run this in a folder that `assesskit start` made."
    try:
        return Workspace.model_validate_json((folder / MARKER).read_bytes(), strict=True)
    except OSError as error:
        if (folder / ".git").is_dir():
            hint += f" If it is one, `git checkout HEAD -- {MARKER}` brings the file back."
        raise UsageError(f"is no workspace: {MARKER}: {error.strerror}", where=str(folder), hint=hint) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{key}: {first['msg']}", where=str(folder / MARKER), hint=hint) from error


def _first_commit(folder: Path, message: str, now: datetime) -> None:
    """As nobody in particular, and whatever the configuration of this machine says."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = {"NAME": "assesskit", "EMAIL": "assesskit@localhost", "DATE": now.isoformat()}
    environ = clean | {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", "--template="),
        ("config", "core.autocrlf", "false"),  # what is checked out again is what was given, on every system
        ("add", "--all", "--force"),
        ("commit", "--quiet", "--message", message),
    ):
        try:
            subprocess.run(["git", *arguments], cwd=folder, env=environ, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise UsageError("git is not installed", hint="A workspace is a git repository; install git.") from error
        except subprocess.CalledProcessError as error:
            raise StoreError(f"git {arguments[0]}: {error.stderr.strip()}", where=str(folder)) from error
