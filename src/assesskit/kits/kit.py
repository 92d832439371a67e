"""A kit: what a candidate receives, signed by who invited them::

    kit.json         the manifest and its signature
    README.md        how to begin
    brief.html  .md  the task, with points, time, AI policy and what happens to personal data
    content/…        what `start` and `check` need: see `content.given`

Nothing in it is believed before the signature holds and every file is the one that was signed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from assesskit.content.schema import Slug
from assesskit.errors import UsageError
from assesskit.kits.manifest import FrozenFile, Seed, Sha256
from assesskit.kits.naming import listed, name_problems
from assesskit.kits.packing import Entry, unpacked
from assesskit.model import Value
from assesskit.signatures import PublicKey, Signature, signed_by

KIT: Final = "assesskit/kit/1"
MANIFEST = "kit.json"
CONTENT = "content/"
LEVELS = ("mid", "senior", "staff")
_MAX_MANIFEST = 8 * 1024 * 1024
_MAX_FILE = 64 * 1024 * 1024
"""Bytes. A longer file of a kit cannot be the one that was signed."""
_AGAIN = "Fetch the kit again, or ask whoever invited you for a new one."

Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
"""What a candidate is called in place of a name: letters, digits, `.`, `_` and `-`; it is part of file names."""
KitId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class KitManifest(Value):
    """What a kit is. `minutes` are the exercise's, for everybody; `handout` is `Workspace.kit` of what it starts.

    `candidate` is an alias. Nobody's name and no personal time box is in it: these are in the interviewer's ledger.
    """

    schema_id: Literal["assesskit/kit/1"] = KIT
    kit: KitId
    candidate: Alias
    exercise: Slug
    title: str
    version: str
    seed: Seed | None
    level: Literal["mid", "senior", "staff"] | None
    minutes: int = Field(gt=0)
    pause: bool
    issued: AwareDatetime
    tool: str
    key: PublicKey
    handout: Sha256
    files: tuple[FrozenFile, ...]


class SignedKit(Value):
    """The whole of kit.json."""

    manifest: KitManifest
    signature: Signature

    @property
    def holds(self) -> bool:
        """Whether the holder of the key it names signed exactly this."""
        return signed_by(self.manifest.key, self.signature, self.manifest.model_dump(mode="json"))


@dataclass(frozen=True)
class Kit:
    """A kit that was read and found whole; `files` without kit.json."""

    signed: SignedKit
    files: Mapping[str, bytes]

    @property
    def manifest(self) -> KitManifest:
        """What it says it is."""
        return self.signed.manifest

    def content(self) -> list[Entry]:
        """The files of its content root, named by their path below it."""
        below = (file for file in self.manifest.files if file.path.startswith(CONTENT))
        return [Entry(file.path.removeprefix(CONTENT), self.files[file.path], file.executable) for file in below]


def open_kit(path: Path, *, key: str | None = None) -> Kit:
    """Read a kit: the zip, or the folder that a browser made of it. With `key`, only one that this key signed.

    Raises UsageError, which says what does not hold; nothing was written or run then.
    """
    where = str(path)
    found = _folder(path) if path.is_dir() else unpacked(path, UsageError)
    signed = read_signed(found.get(MANIFEST), where)
    if not signed.holds:
        raise UsageError("is not what was signed: its manifest was changed", where=where, hint=_AGAIN)
    return _whole(path, found, signed, key)


def _whole(path: Path, found: Mapping[str, bytes], signed: SignedKit, key: str | None) -> Kit:
    manifest, where = signed.manifest, str(path)
    if key is not None and key.strip().lower() != manifest.key:
        hint = "Ask whoever invited you which key is theirs: `assesskit keys` prints it."
        raise UsageError(f"is signed with the key {manifest.key}, not with the one named", where=where, hint=hint)
    wanted = {file.path: file for file in manifest.files}
    files = {name: data for name, data in found.items() if name in wanted}
    problems = [f"{name!r}: is missing" for name in sorted(wanted.keys() - files)]
    problems += (f"{name!r}: was changed" for name, data in sorted(files.items()) if not _is(data, wanted[name]))
    if not path.is_dir():  # a system leaves files of its own in a folder; nobody does in an archive
        problems += (f"{name!r}: was added" for name in sorted(found.keys() - wanted - {MANIFEST}))
    if problems:
        raise UsageError(listed("is not the kit that was signed", problems), where=where, hint=_AGAIN)
    return Kit(signed, files)


def read_signed(data: bytes | None, where: str) -> SignedKit:
    """Read a kit.json. Raises UsageError for what is none, or one of another assesskit."""
    if data is None:
        raise UsageError(f"is no kit: it holds no {MANIFEST}", where=where, hint=_AGAIN)
    if len(data) > _MAX_MANIFEST:
        raise UsageError(f"its {MANIFEST} is larger than {_MAX_MANIFEST // 1024**2} MiB", where=where)
    try:
        said: Any = json.loads(data)
        schema = said["manifest"]["schema_id"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"its {MANIFEST} cannot be read", where=where, hint=_AGAIN) from error
    if schema != KIT:
        raise UsageError(_other(schema), where=where, hint="Install the version that made it: its README.md names it.")
    try:
        return SignedKit.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{MANIFEST}: {key!r}: {first['msg']}", where=where, hint=_AGAIN) from error


def _other(schema: object) -> str:
    newer = isinstance(schema, str) and re.fullmatch(r"assesskit/kit/[0-9]{1,9}", schema)
    if newer:
        return f"was made by a newer assesskit ({schema}; this one reads {KIT})"
    return f"is no kit (its schema_id is not {KIT})"


def _folder(path: Path) -> dict[str, bytes]:
    """The files of a kit that was unpacked: those that its manifest names, and nothing that leads out of the folder."""
    found: dict[str, bytes] = {}
    if (manifest := _inside(path, MANIFEST)) is not None:
        found[MANIFEST] = manifest
        names = [file.path for file in read_signed(manifest, str(path)).manifest.files]
        if problems := list(name_problems(names)):
            raise UsageError(listed("is no kit", problems), where=str(path), hint=_AGAIN)
        found |= {name: data for name in names if (data := _inside(path, name)) is not None}
    return found


def _inside(folder: Path, name: str) -> bytes | None:
    file = folder / name
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        return None
    with file.open("rb") as stream:
        return stream.read(_MAX_FILE)


def _is(data: bytes, file: FrozenFile) -> bool:
    return len(data) == file.size and hashlib.sha256(data).hexdigest() == file.sha256
