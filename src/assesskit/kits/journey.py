"""What a workspace that was started from a kit knows besides its files: kit, clock, last check.

::

    .git/assesskit/
        kit.json        as the kit had it, signed
        content/        what the public checks and our services need; verified each time it is used
        journey.json    time box, clock, last check: this candidate's own, and in no submission
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from assesskit import store
from assesskit.content import Exercise
from assesskit.content.given import load_given
from assesskit.errors import StoreError, UsageError
from assesskit.kits import clock
from assesskit.kits.folders import put
from assesskit.kits.kit import CONTENT, MANIFEST, Kit, KitManifest, SignedKit, read_signed
from assesskit.kits.manifest import MARKER
from assesskit.kits.naming import listed
from assesskit.kits.packing import Entry
from assesskit.kits.workspaces import KEPT, read_workspace, start
from assesskit.model import Value

STATE = "journey.json"
_RESTORE = "`assesskit start KIT` with this workspace as its folder brings it back from the kit."
_ANEW = "`assesskit start KIT FOLDER` with a new folder, and your work copied there, brings back what it kept."


class Checked(Value):
    """The last run of the public checks: how many criteria were met, and their points."""

    at: AwareDatetime
    outcome: Literal["graded", "submission_failed", "harness_failed"]
    met: int
    criteria: int
    points: int


class State(Value):
    """The whole of journey.json; `minutes` of this candidate's own time box."""

    schema_id: Literal["assesskit/journey/1"] = "assesskit/journey/1"
    minutes: int = Field(gt=0)
    moments: tuple[clock.Moment, ...] = ()
    checked: Checked | None = None


@dataclass(frozen=True)
class Journey:
    """A workspace with its kit and state, both read and found sound."""

    workspace: Path
    signed: SignedKit
    state: State

    @property
    def manifest(self) -> KitManifest:
        """What its kit says."""
        return self.signed.manifest

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.workspace / KEPT

    def exercise(self) -> Exercise:
        """The exercise as the kit has it. Raises UsageError if a file of it is not the one that was signed."""
        problems = []
        for file in self.manifest.files:
            if file.path.startswith(CONTENT):
                kept = self.folder / file.path
                if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != file.sha256:
                    problems.append(repr(file.path.removeprefix(CONTENT)))
        if problems:
            what = listed("holds files that are not those of its kit", problems)
            raise UsageError(what, where=str(self.folder), hint=_RESTORE)
        return load_given(self.folder / "content", self.manifest.exercise, self.manifest.seed)

    def used(self, now: datetime) -> clock.Used:
        """How much of the time box is used."""
        return clock.used(self.state.moments, now, pause=self.manifest.pause)

    def noted(
        self, kind: Literal["started", "stopped", "seen"], now: datetime, checked: Checked | None = None
    ) -> Journey:
        """Write down that something happened, and return what is known since. Raises StoreError."""
        moments = clock.seen(self.state.moments, kind, now)
        return self._with({"moments": moments, "checked": checked or self.state.checked})

    def boxed(self, minutes: int) -> Journey:
        """Write down another time box, as the candidate was told it. Raises StoreError."""
        return self._with({"minutes": minutes})

    def _with(self, changes: Mapping[str, object]) -> Journey:
        state = self.state.model_copy(update=changes)
        store.write(self.folder / STATE, _json(state))
        return Journey(self.workspace, self.signed, state)


def begin(kit: Kit, into: Path, *, now: datetime) -> Journey:
    """Make the workspace `into` from a kit. Raises UsageError if there is something already, or no git; StoreError."""
    manifest = kit.manifest
    state = State(minutes=manifest.minutes, moments=(clock.Moment(kind="started", at=now),))
    keep = [*_kept(kit), Entry(STATE, _json(state))]
    with tempfile.TemporaryDirectory(prefix="assesskit-kit-") as temporary:
        _lay_out(kit.content(), Path(temporary))
        start(load_given(Path(temporary), manifest.exercise, manifest.seed), into, now=now, keep=keep)
    return Journey(into, kit.signed, state)


def resume(kit: Kit, workspace: Path) -> Journey:
    """The journey of a workspace that this kit began; what it keeps of the kit is put back. Raises UsageError."""
    origin = read_workspace(workspace)
    kept = workspace / KEPT
    known = read_signed((kept / MANIFEST).read_bytes(), str(kept)) if (kept / MANIFEST).is_file() else None
    other = known is not None and known.manifest.kit != kit.manifest.kit
    if other or origin.kit != kit.manifest.handout or not (workspace / ".git").is_dir():
        hint = "Name a new folder after the kit: assesskit start KIT FOLDER."
        raise UsageError("is the workspace of another kit", where=str(workspace), hint=hint)
    for entry in _kept(kit):
        _put_back(kept / entry.name, entry)
    if not (kept / STATE).is_file():
        begun = State(
            minutes=kit.manifest.minutes, moments=(clock.Moment(kind="started", at=origin.started.astimezone(UTC)),)
        )
        store.write(kept / STATE, _json(begun))
    return read_journey(workspace)


def read_journey(workspace: Path) -> Journey:
    """The journey of a workspace. Raises UsageError for one that no kit began, or that lost what it keeps."""
    origin = read_workspace(workspace)
    folder = workspace / KEPT
    if not (folder / MANIFEST).is_file():
        if not (workspace / ".git").is_dir():
            raise UsageError("has lost its .git folder", where=str(workspace), hint=_ANEW)
        raise UsageError("was not started from a kit", where=str(workspace), hint=_RESTORE)
    signed = read_signed((folder / MANIFEST).read_bytes(), str(folder))
    if not signed.holds or origin.kit != signed.manifest.handout:
        raise UsageError(f"{MANIFEST} or {MARKER} was changed", where=str(workspace), hint=_RESTORE)
    try:
        state = State.model_validate_json((folder / STATE).read_bytes(), strict=True)
    except (OSError, ValidationError) as error:
        hint = f"Remove it, then: {_RESTORE} The clock then counts from the start on; say --minutes again."
        raise UsageError("cannot be read", where=str(folder / STATE), hint=hint) from error
    return Journey(workspace, signed, state)


def is_journey(workspace: Path) -> bool:
    """Whether a kit began this workspace."""
    return (workspace / KEPT / MANIFEST).is_file()


def _kept(kit: Kit) -> list[Entry]:
    """What a workspace keeps of its kit."""
    return [Entry(MANIFEST, _json(kit.signed)), *(each._replace(name=CONTENT + each.name) for each in kit.content())]


def _json(value: Value) -> bytes:
    return value.model_dump_json(indent=2).encode() + b"\n"


def _put_back(file: Path, entry: Entry) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        store.write(file, entry.data)
        file.chmod(0o755 if entry.executable else 0o644)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(file)) from error


def _lay_out(files: Iterable[Entry], folder: Path) -> None:
    try:
        for entry in files:
            put(folder, entry.name, entry.data, executable=entry.executable)
    except OSError as error:
        raise StoreError(f"cannot be made: {error.strerror}", where=str(folder)) from error
