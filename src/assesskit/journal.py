"""The file of what people add to an assessment: review.jsonl beside it, one entry a line, only ever added to.

Each line holds the SHA-256 of the one before it, the first that of assessment.json: see `judging`. A line that does not
fit is told and left where it is. There is no signature: whoever may write the folder can write a whole new chain.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from assesskit.errors import StoreError, UsageError
from assesskit.judging import Entry, Reviewed, Said, person
from assesskit.store import read_assessment, write

NAME = "review.jsonl"
LOCK = ".review.lock"
MAX_JOURNAL = 16 * 1024 * 1024
"""Bytes. Some hundred reviews with long notes."""
PATIENCE = 10.0
"""Seconds to wait for another who is writing."""
UNSEEN = "so an edit of assessment.json would not be seen"


class Conflict(UsageError):  # noqa: N818  it is told to a person, who decides
    """Somebody saved the same thing meanwhile; nothing was written."""


def journal_of(assessment: Path) -> Path:
    """Where the entries of an assessment are."""
    return assessment.with_name(NAME)


def read(assessment: Path) -> Reviewed:
    """An assessment with what people added. Raises UsageError for a file that cannot be read as what it should be.

    A chain that is broken or not there is no error: it is in `Reviewed.problems`. An entry that was changed does not
    count.
    """
    record = read_assessment(assessment)
    path = journal_of(assessment)
    if not path.exists():
        return Reviewed(record, problems=(f"it came without {NAME}, {UNSEEN}",))
    entries, problems, _last = _entries(_content(path), _sha(assessment))
    return Reviewed(record, tuple(entries), (*problems, *_shared(entries)), chained=True)


def append(assessment: Path, said: Iterable[Said], *, seen: str | None = None) -> tuple[Entry, ...]:
    """Add entries, all or none, in the order given, after whatever is there now.

    `seen` is the digest of the last entry that the caller knew by this author on this criterion ("" for none); with
    another one there, Conflict is raised and nothing written. Raises UsageError for a name that is another person's,
    StoreError when the file cannot be written.
    """
    path = journal_of(assessment)
    try:
        with FileLock(path.with_name(LOCK), timeout=PATIENCE):
            return _append(assessment, path, tuple(said), seen)
    except Timeout as error:
        raise StoreError("is being written by somebody else", where=str(path), hint="Try again.") from error
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def opened(assessment: Path, now: datetime, author: str) -> None:
    """Begin the chain of an assessment that was just written, so that a later edit of it can be seen."""
    append(assessment, [Said(kind="graded", at=now, author=author, reason="the assessment was written")])


def _append(assessment: Path, path: Path, said: tuple[Said, ...], seen: str | None) -> tuple[Entry, ...]:
    before = _content(path) if path.exists() else b""
    entries, _problems, previous = _entries(before, _sha(assessment))
    for one in said:
        _refuse_another(entries, one, path)
        if seen is not None and one.kind == "level" and last_of(entries, one.author, one.criterion) != seen:
            raise Conflict(
                f"{one.criterion} was judged by {one.author} in another window meanwhile",
                where=str(path),
                hint="Nothing was saved. Look at what is there now, then decide.",
            )
    added: list[Entry] = []
    for one in said:
        added.append(Entry.after(previous, one))
        previous = added[-1].digest
    lines = "".join(entry.model_dump_json() + "\n" for entry in added).encode()
    cut = before and not before.endswith(b"\n")
    write(path, before + (b"\n" if cut else b"") + lines)
    return tuple(added)


def last_of(entries: Iterable[Entry], author: str, criterion: str) -> str:
    """The digest of the last level that somebody gave a criterion; empty if there is none."""
    wanted = person(author)
    found = [each for each in entries if each.kind == "level" and each.criterion == criterion and each.person == wanted]
    return found[-1].digest if found else ""


def _refuse_another(entries: Iterable[Entry], said: Said, path: Path) -> None:
    for entry in entries:
        if said.kind == entry.kind == "level" and entry.person == person(said.author) and entry.seat != said.seat:
            raise UsageError(
                f"{said.author!r} has entries here that were made on another account",
                where=str(path),
                hint="Two reviewers need two names. If you are the same person, go on where you began, "
                "or take the key along: ASSESSKIT_REVIEWER_KEY.",
            )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_JOURNAL + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > MAX_JOURNAL:
        raise UsageError(f"is larger than {MAX_JOURNAL // 1024**2} MiB", where=str(path))
    return data


def _entries(data: bytes, start: str) -> tuple[list[Entry], list[str], str]:
    """The entries that were not changed, what is wrong line by line, and the digest that the next entry follows.

    A line that was changed still says the digest it had: what follows it is not wrong as well.
    """
    told: list[Entry] = []
    problems: list[str] = []
    expected = start
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line:
            continue
        try:
            entry = Entry.model_validate_json(line, strict=True)
        except ValidationError:
            problems.append(f"line {number} of {NAME} cannot be read: it was cut short or edited")
            continue
        if not entry.intact:
            problems.append(f"line {number} of {NAME} was changed after it was written, and does not count")
        follows = entry.previous == expected
        if not told:
            problems += _beginning(entry, follows=follows)
        elif not follows:
            problems.append(
                f"line {number} of {NAME} does not follow the one before it: something was removed, added or moved"
            )
        told.append(entry)
        expected = entry.digest
    if not told:
        problems.append(f"{NAME} holds no entry that can be read, {UNSEEN}")
    return [entry for entry in told if entry.intact], problems, expected


def _beginning(first: Entry, *, follows: bool) -> Iterator[str]:
    """What is wrong with the first entry that can be read, if anything; `follows` says whether it fits the record."""
    if follows and first.kind != "graded":
        yield f"{NAME} was begun after the grading, so an edit of assessment.json before that would not be seen"
    elif not follows and first.kind == "graded" and first.intact:
        yield f"assessment.json is not the file that {NAME} was begun for: it was edited or exchanged"
    elif not follows:
        yield f"the beginning of {NAME} is missing, or assessment.json was exchanged"


def _shared(entries: Iterable[Entry]) -> list[str]:
    """Names that stand for more than one account, which count as one reviewer, and accounts with more than one name."""
    made = sorted({(entry.person, entry.seat) for entry in entries if entry.kind == "level"})
    accounts, names = Counter(name for name, _ in made), Counter(seat for _, seat in made)
    told = [f"entries under the name {name!r} were made on {n} accounts" for name, n in accounts.items() if n > 1]
    for several in (seat for seat, count in names.items() if count > 1):
        who = " and ".join(repr(name) for name, seat in made if seat == several)
        told.append(f"the names {who} have entries from one account: nothing tells that they are several people")
    return told


def _sha(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
