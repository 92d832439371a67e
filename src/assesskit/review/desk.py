"""What one reviewer has to judge, in an order of their own, and what they may see of it: never a name, never the other.

Flask is not needed here: a browser and a file go through the same desk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from assesskit import journal
from assesskit.agreement import Agreement, agreement
from assesskit.errors import UsageError
from assesskit.judging import Entry, Reviewed, Said, named, person
from assesskit.model import Criterion, CriterionResult, Evidence, Observation
from assesskit.store import RunFolder, candidate_of

NAMELESS = "[candidate]"
SHORTEST_NAME = 4
"""Characters. A shorter name is part of too many words to be taken out of a text."""
FIRST = "first judgement"


@dataclass(frozen=True)
class SubmittedFile:
    """A file of a submission that a person can read."""

    path: str
    text: str


@dataclass(frozen=True)
class Work:
    """One assessment on the desk: where it is, and the files of its submission, if they were given."""

    path: Path
    files: tuple[SubmittedFile, ...] = ()

    def read(self) -> Reviewed:
        """What stands in it now."""
        return _read(self.path, _stamp(self.path), _stamp(journal.journal_of(self.path)))

    def names(self) -> tuple[str, ...]:
        """What could tell who it was: the submission's name, and the candidate of its kit. Raises UsageError."""
        alias = candidate_of(RunFolder(self.path.parent))
        return (self.read().assessment.submission.name, *([alias] if alias else []))


@lru_cache(maxsize=64)
def _read(path: Path, *_stamps: tuple[int, int]) -> Reviewed:
    """An assessment that is read again only when one of its files has changed: a page asks for it many times."""
    return journal.read(path)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


@dataclass(frozen=True)
class Task:
    """One criterion of one work; `number` is its place in this reviewer's order, from 1, `letter` names the work."""

    number: int
    letter: str
    work: Work
    criterion: Criterion


@dataclass(frozen=True)
class Desk:
    """The works that one person reviews, under the name they give; `seat` tells two people of one name apart."""

    works: tuple[Work, ...]
    reviewer: str
    seat: str

    @cached_property
    def letters(self) -> Mapping[Path, str]:
        """What each work is called instead of a name: a letter, drawn for this reviewer."""
        order = sorted(self.works, key=lambda work: self._draw(work.read().assessment.run))
        return {work.path: _letter(index) for index, work in enumerate(order)}

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Everything to judge, shuffled for this reviewer: the same every time they come back."""
        found = [(work, criterion) for work in self.works for criterion in work.read().judged_criteria]
        found.sort(key=lambda one: self._draw(f"{one[0].read().assessment.run} {one[1].id}"))
        return tuple(
            Task(number, self.letters[work.path], work, criterion) for number, (work, criterion) in enumerate(found, 1)
        )

    def _draw(self, what: str) -> str:
        return hashlib.sha256(f"{person(self.reviewer)}\n{what}".encode()).hexdigest()

    def task(self, number: int) -> Task:
        """A task by its number. Raises UsageError if there is none."""
        if not 1 <= number <= len(self.tasks):
            raise UsageError(f"no task {number}; there are {len(self.tasks)}", where="review")
        return self.tasks[number - 1]

    def own(self, task: Task) -> Entry | None:
        """What this reviewer said last of a task."""
        return task.work.read().latest.get(person(self.reviewer), {}).get(task.criterion.id)

    def open(self, work: Work) -> bool:
        """Whether this reviewer may see what others said of a work: everybody is in, and so are they."""
        reviewed = work.read()
        return reviewed.open and person(self.reviewer) in {person(name) for name in reviewed.done}

    def others(self, task: Task) -> tuple[Entry, ...]:
        """What others said of a task, once this reviewer may see it."""
        if not self.open(task.work):
            return ()
        latest = task.work.read().latest
        return tuple(
            by[task.criterion.id]
            for who, by in latest.items()
            if who != person(self.reviewer) and task.criterion.id in by
        )

    def save(self, task: Task, *, level: object, note: str, reason: str, seen: str | None, now: datetime) -> Entry:
        """Append a level. A change of one says why.

        Raises UsageError for what cannot be taken, `journal.Conflict` if this reviewer said something else meanwhile.
        """
        before = self.own(task)
        if before and not reason.strip():
            raise UsageError("say why the level changes", where="reason")
        said = self.said(task, level=level, note=note, reason=reason, now=now)
        if said.level is None:
            raise UsageError("choose a level from 0 to 3", where="level")
        return journal.append(task.work.path, [said], seen=seen)[0]

    def said(self, task: Task, *, level: object, note: str, reason: str, now: datetime) -> Said:
        """A level as an entry says it. Raises UsageError for what cannot be taken."""
        return Said.typed(
            kind="level",
            at=now,
            author=self.reviewer,
            reason=reason or FIRST,
            seat=self.seat,
            criterion=task.criterion.id,
            level=level,
            note=note,
        )

    def seen_of(self, task: Task) -> tuple[CriterionResult, ...]:
        """What checks saw in the competency of a task, without the candidate's name."""
        now = task.work.read().now
        names = names_of(task.work.names())
        return tuple(
            nameless(result, names)
            for result in now.results
            if result.criterion.competency == task.criterion.competency and result.criterion.kind == "automatic"
        )

    def agreement(self) -> Agreement:
        """How far everybody agreed on the works that are open to this reviewer before anybody could see another's."""
        opened = [task for task in self.tasks if self.open(task.work)]
        return agreement([task.work.read().units.get(task.criterion.id, {}) for task in opened])


def desk(works: Sequence[Work], reviewer: str, seat: str) -> Desk:
    """A desk whose assessments were read and have something to judge. Raises UsageError."""
    name = named(reviewer)
    for work in works:
        if not work.read().judged_criteria:
            raise UsageError("has no criterion that people judge", where=str(work.path))
    if len({work.path.resolve() for work in works}) < len(works):
        raise UsageError("an assessment was named twice", where="review")
    return Desk(tuple(works), name, seat)


def _letter(index: int) -> str:
    """A, B, …, Z, AA, …"""
    more, last = divmod(index, 26)
    return (_letter(more - 1) if more else "") + chr(ord("A") + last)


def names_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """What a candidate's names look like inside a text; None where all are too short to be told from words."""
    known = sorted({name.strip() for name in names if len(name.strip()) >= SHORTEST_NAME}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", re.IGNORECASE) if known else None


def nameless(result: CriterionResult, names: re.Pattern[str] | None) -> CriterionResult:
    """A result in which no text of the checks says the candidate's name."""
    return result.model_copy(
        update={
            "reason": without(result.reason, names),
            "observations": tuple(_nameless(each, names) for each in result.observations),
        }
    )


def _nameless(observation: Observation, names: re.Pattern[str] | None) -> Observation:
    said = ("summary", "sent", "received", "expected", "rule", "detail")
    texts: dict[str, Any] = {key: without(getattr(observation, key), names) for key in said}
    evidence = tuple(
        Evidence(kind=each.kind, title=without(each.title, names), data=without(each.data, names))
        for each in observation.evidence
    )
    return observation.model_copy(update=texts | {"evidence": evidence})


def without(value: Any, names: re.Pattern[str] | None) -> Any:
    """Text, or JSON with texts in it, in which the candidate has no name."""
    if names is None:
        return value
    if isinstance(value, str):
        return names.sub(NAMELESS, value)
    if isinstance(value, dict):
        return {names.sub(NAMELESS, str(key)): without(held, names) for key, held in value.items()}
    return [without(held, names) for held in value] if isinstance(value, list | tuple) else value


def readable(
    files: Iterable[tuple[str, Path]], names: Iterable[str], limit: int = 256 * 1024, most: int = 200
) -> tuple[SubmittedFile, ...]:
    """The files of a submission that are text, notes first, without the candidate's name in text or path."""
    known = names_of(names)
    found = []
    for path, file in files:
        data = file.read_bytes()[: limit + 1]
        if b"\0" in data or len(data) > limit:
            continue
        text = data.decode("utf-8", "replace")
        found.append(SubmittedFile(without(path, known), without(text, known)))
    found.sort(key=lambda each: (not each.path.lower().endswith(".md"), each.path.count("/"), each.path))
    return tuple(found[:most])
