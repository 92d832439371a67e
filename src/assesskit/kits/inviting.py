"""Makes a kit of an exercise: what is on its allow-list (see `content.given`), and what is written from that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from assesskit import __version__
from assesskit.content import Exercise
from assesskit.content.given import GIVEN, given, given_files
from assesskit.errors import UsageError
from assesskit.kits.briefing import brief, readme
from assesskit.kits.kit import CONTENT, MANIFEST, KitManifest, SignedKit
from assesskit.kits.manifest import FrozenFile, kit_digest
from assesskit.kits.naming import listed, name_problems
from assesskit.kits.packing import Entry, packed
from assesskit.kits.portable import unportable
from assesskit.signatures import Signer


class Invitation(NamedTuple):
    """Who is invited: an alias, the level they are asked at, and the kit's id, which nobody can guess."""

    candidate: str
    level: Literal["mid", "senior", "staff"] | None
    kit: str


def invite(exercise: Exercise, invitation: Invitation, signer: Signer, *, now: datetime) -> tuple[KitManifest, bytes]:
    """Return the manifest and the bytes of the kit. Raises UsageError if a file's name could not travel."""
    entries = _entries(exercise, invitation)
    names = [entry.name for entry in entries]
    if problems := [*name_problems(names), *unportable(names)]:
        raise UsageError(listed("has names that cannot travel", problems), where=exercise.slug)
    manifest = KitManifest(
        kit=invitation.kit,
        candidate=invitation.candidate,
        exercise=exercise.slug,
        title=exercise.spec.title,
        version=exercise.spec.version,
        seed=exercise.variant.seed,
        level=invitation.level,
        minutes=exercise.spec.minutes,
        pause=exercise.spec.candidate.pause,
        issued=now,
        tool=__version__,
        key=signer.public,
        handout=kit_digest(exercise),
        files=tuple(_listed(entries)),
    )
    signed = SignedKit(manifest=manifest, signature=signer.sign(manifest.model_dump(mode="json")))
    first = Entry(MANIFEST, signed.model_dump_json(indent=2).encode() + b"\n")
    return manifest, packed([first, *entries])


def _entries(exercise: Exercise, invitation: Invitation) -> list[Entry]:
    text, page = brief(exercise, invitation.level)
    told = given(exercise).model_dump_json(indent=2).encode() + b"\n"
    files = sorted(given_files(exercise).items())
    return [
        Entry("README.md", readme(exercise, invitation.candidate).encode()),
        Entry("brief.html", page.encode()),
        Entry("brief.md", text.encode()),
        Entry(CONTENT + GIVEN, told),
        *(Entry(CONTENT + name, path.read_bytes(), bool(path.stat().st_mode & 0o100)) for name, path in files),
    ]


def _listed(entries: Iterable[Entry]) -> Iterable[FrozenFile]:
    for entry in entries:
        digest = hashlib.sha256(entry.data).hexdigest()
        yield FrozenFile(path=entry.name, sha256=digest, size=len(entry.data), executable=entry.executable)
