"""What a candidate sends: the frozen workspace, and beside it what is told of how it came about::

    <alias>-<exercise>-submission.zip
        submission.json    `Handed`: the kit's signed manifest, digests, times, tools, notes
        work.zip           the frozen workspace, see `freezing`

Only the kit's manifest is signed, by who sent it. The times are those of the candidate's machine: they are told, and
charge nobody.
"""

from __future__ import annotations

import hashlib
import io
import platform
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from assesskit import __version__, store
from assesskit.errors import SubmissionError
from assesskit.kits.clock import told
from assesskit.kits.freezing import MANIFEST
from assesskit.kits.journey import Checked, Journey
from assesskit.kits.kit import SignedKit
from assesskit.kits.ledger import Invited
from assesskit.kits.manifest import Manifest, Sha256
from assesskit.kits.packing import DAMAGED, Entry, packed, unpacked
from assesskit.model import Value

HANDED = "submission.json"
WORK = "work.zip"
_SCHEMA: Final = "assesskit/handed/1"
_MAX_HANDED = 16 * 1024 * 1024
Note = Annotated[str, StringConstraints(max_length=4000)]


class Handed(Value):
    """The whole of submission.json. `work` is the digest of work.zip, `digest` that of the submission in it.

    `seconds` were used by the candidate's clock; `set_back` says that the machine's clock went backwards meanwhile.
    """

    schema_id: Literal["assesskit/handed/1"] = _SCHEMA
    kit: SignedKit
    work: Sha256
    digest: Sha256
    submitted: AwareDatetime
    seconds: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    set_back: bool
    tools: dict[str, str]
    checked: Checked | None
    ai: Note
    next: Note


class Opened(NamedTuple):
    """A submission taken apart: the frozen workspace as an archive of its own, when it began, and what was told."""

    work: Path
    began: datetime
    handed: Handed


def seal(
    journey: Journey, work: bytes, manifest: Manifest, out: Path, *, notes: tuple[str, str], now: datetime
) -> Handed:
    """Write the archive `out` and return what it tells. `notes` are on the use of AI, and on what would come next.

    Raises StoreError.
    """
    clock = journey.used(now)
    handed = Handed(
        kit=journey.signed,
        work=hashlib.sha256(work).hexdigest(),
        digest=manifest.digest(),
        submitted=now,
        seconds=round(clock.seconds, 1),
        set_back=clock.set_back,
        tools={"assesskit": __version__, "python": platform.python_version(), "system": platform.system()},
        checked=journey.state.checked,
        ai=notes[0],
        next=notes[1],
    )
    told_ = Entry(HANDED, handed.model_dump_json(indent=2).encode() + b"\n")
    store.write(out, packed([told_, Entry(WORK, work)]))
    return handed


def is_sealed(path: Path) -> bool:
    """Whether a path may be an archive of `seal`; what else may be graded is a folder, or an archive of `freeze`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return HANDED in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def unseal(path: Path, scratch: Path) -> Opened:
    """Take an archive apart, into the folder `scratch`.

    Raises SubmissionError, which says what does not hold in it, StoreError when there is no room.
    """
    where = str(path)
    found = unpacked(path, SubmissionError)
    if set(found) != {HANDED, WORK}:
        raise SubmissionError(f"holds something else than {HANDED} and {WORK}", where=where)
    handed = _read(found[HANDED], where)
    if hashlib.sha256(found[WORK]).hexdigest() != handed.work:
        raise SubmissionError(f"its {WORK} is not the one it was sealed with", where=where)
    if not handed.kit.holds:
        raise SubmissionError("the manifest of its kit was changed after it was signed", where=where)
    manifest = _manifest(found[WORK], where)
    _began_with_kit(handed, manifest, where)
    work = scratch / f"{path.stem}.zip"
    store.write(work, found[WORK])
    return Opened(work, manifest.workspace.started, handed)


def _manifest(work: bytes, where: str) -> Manifest:
    """What the frozen workspace says it holds; `take` holds its files against it."""
    try:
        with zipfile.ZipFile(io.BytesIO(work)) as archive, archive.open(MANIFEST) as stream:
            return Manifest.model_validate_json(stream.read(_MAX_HANDED), strict=True)
    except (KeyError, *DAMAGED) as error:
        raise SubmissionError(f"its {WORK} cannot be read", where=where) from error


def _read(data: bytes, where: str) -> Handed:
    if len(data) > _MAX_HANDED:
        raise SubmissionError(f"its {HANDED} is larger than {_MAX_HANDED // 1024**2} MiB", where=where)
    try:
        return Handed.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = "Only archives that `assesskit submit` made can be taken, of this version."
        raise SubmissionError(f"{HANDED}: {key!r}: {first['msg']}", where=where, hint=hint) from error


def _began_with_kit(handed: Handed, manifest: Manifest, where: str) -> None:
    kit, began = handed.kit.manifest, manifest.workspace
    same = (began.exercise, began.version, began.seed, began.kit) == (kit.exercise, kit.version, kit.seed, kit.handout)
    if not same:
        raise SubmissionError("its workspace did not begin with its kit", where=where)
    if began.started.tzinfo is None:
        raise SubmissionError("tells when it was started without a time zone", where=where)
    if manifest.digest() != handed.digest:
        raise SubmissionError(f"{HANDED} is about other files than {WORK} holds", where=where)


def remarks(handed: Handed, invited: Invited | None, keys: frozenset[str]) -> Iterator[str]:
    """What an interviewer should know before they believe what is told: each one sentence, none of them a verdict.

    `invited` is the line of the ledger about this kit, `keys` are those of the interviewers.
    """
    kit = handed.kit.manifest
    if kit.key not in keys:
        yield f"its kit was signed with a key that is neither yours nor your colleagues': {kit.key}"
    if invited is None:
        yield f"its kit {kit.kit} is not in your ledger"
    elif invited.manifest != kit:
        yield f"its kit {kit.kit} is not the one in your ledger"
    if handed.tools.get("assesskit") != __version__:
        yield f"it was checked with assesskit {handed.tools.get('assesskit', 'of no version')!r}, this is {__version__}"


def time_remarks(handed: Handed, began: datetime, invited: Invited | None) -> Iterator[str]:
    """The same about times: for whoever holds the ledger, and never beside a record that others score."""
    if handed.set_back:
        yield "the candidate's machine set its clock back: the times say little"
    if began < handed.kit.manifest.issued:
        yield "its workspace was started before the kit was made: the candidate's clock is wrong"
    if handed.submitted < began:
        yield "it was submitted before its workspace was started: the candidate's clock is wrong"
    if invited is not None and handed.seconds > invited.minutes * 60:
        yield f"the time box was over {told(handed.seconds - invited.minutes * 60)} before it was submitted"
