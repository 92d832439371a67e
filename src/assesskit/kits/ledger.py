"""The interviewer's ledger: which kit went to whom, and the time box each was promised. It never leaves their machine.

One JSON object a line, appended; the last line about a kit counts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from assesskit.errors import StoreError, UsageError
from assesskit.kits.kit import KitId, KitManifest
from assesskit.kits.manifest import Sha256
from assesskit.model import Value
from assesskit.store import write

OWNER_ONLY = 0o600
"""The file's mode: names are in it."""


class Invited(Value):
    """A line of the ledger. `minutes` is this candidate's own time box; `kit_sha256` that of the zip."""

    schema_id: Literal["assesskit/invited/1"] = "assesskit/invited/1"
    manifest: KitManifest
    kit_sha256: Sha256
    minutes: int = Field(gt=0)
    name: str | None = None
    noted: AwareDatetime

    @property
    def kit(self) -> KitId:
        """The kit's id."""
        return self.manifest.kit


def note(path: Path, invited: Invited) -> None:
    """Append a line, in a file that only its owner reads. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY), "ab") as file:
            file.write(invited.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def invitations(path: Path) -> dict[str, Invited]:
    """Who was invited, by the kit's id; nobody where there is no ledger. Raises UsageError for a line that is none."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    found: dict[str, Invited] = {}
    for number, line in enumerate(lines, start=1):
        try:
            invited = Invited.model_validate_json(line, strict=True)
        except (ValidationError, json.JSONDecodeError) as error:
            hint = "Every line is written whole by `assesskit invite`; restore it from a copy, or remove it."
            raise UsageError("is no line of a ledger", where=f"{path}:{number}", hint=hint) from error
        found[invited.kit] = invited
    return found


def forget(path: Path, candidate: str) -> int:
    """Remove every line about a candidate, by alias; return how many there were.

    Raises UsageError for a line that is none, StoreError when the ledger cannot be written.
    """
    if candidate not in {invited.manifest.candidate for invited in invitations(path).values()}:
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if Invited.model_validate_json(line).manifest.candidate != candidate]
    write(path, b"".join(kept), mode=OWNER_ONLY)
    return len(lines) - len(kept)
