"""A review as a TOML file: for people who would rather write it in their editor.

The file names the run, so that it cannot be taken for another candidate's, and not the candidate.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from assesskit import journal
from assesskit.content.parsing import did_you_mean, parse
from assesskit.content.schema import Table
from assesskit.errors import ContentError, UsageError
from assesskit.judging import Entry, LevelNumber, Said, person
from assesskit.review.desk import Desk, Task

Words = Annotated[str, StringConstraints(max_length=4000)]


class LevelEntry(Table):
    """The level of one criterion; `reason` is needed where an earlier one is changed."""

    criterion: str
    level: LevelNumber
    note: Words = ""
    reason: Words = ""


class ReviewFile(Table):
    """The whole of a review in TOML: levels of one run."""

    run: str
    levels: tuple[LevelEntry, ...] = Field(min_length=1)


def form(desk: Desk) -> str:
    """A file to fill in for the one assessment on a desk: criteria in the reviewer's order, anchors as comments."""
    run = desk.works[0].read().assessment.run
    lines = [
        "# A review: one [[levels]] for each criterion. Set `level` to 0, 1, 2 or 3; a note helps whoever reads it.",
        "",
        f"run = {json.dumps(run)}",
    ]
    for task in desk.tasks:
        lines += [
            "",
            *(f"# {text}" for text in _told(task)),
            "[[levels]]",
            f"criterion = {json.dumps(task.criterion.id)}",
        ]
        lines += ["level = ", 'note = ""']
    return "\n".join(lines) + "\n"


def _told(task: Task) -> list[str]:
    anchors = [f"  {level}: {_line(text)}" for level, text in enumerate(task.criterion.anchors)]
    return [_line(task.criterion.title), f"  {_line(task.criterion.explanation)}", *anchors]


def _line(text: str) -> str:
    return " ".join(text.split())


def take(desk: Desk, path: Path, now: datetime) -> tuple[Entry, ...]:
    """Append the levels of a file, all or none; one that says what was said before is left out.

    Raises ContentError with every problem of the file, UsageError if it belongs to another run.
    """
    problems: list[str] = []
    read = parse(path, path.parent, ReviewFile, problems)
    if read is None:
        raise ContentError(tuple(problems))
    run = desk.works[0].read().assessment.run
    if read.run != run:
        raise UsageError(f"run: is {read.run!r}, and the assessment is {run!r}", where=path.name)
    tasks = {task.criterion.id: task for task in desk.tasks}
    said: list[Said] = []
    done: set[str] = set()
    for one in read.levels:
        task = tasks.get(one.criterion)
        where = f"{path.name}: levels[{one.criterion}]"
        if task is None:
            problems.append(f"{where}: no such judged criterion{did_you_mean(one.criterion, tasks)}")
        elif one.criterion in done:
            problems.append(f"{where}: is there twice")
        else:
            said += _said(desk, task, one, now, problems, where)
        done.add(one.criterion)
    if problems:
        raise ContentError(tuple(problems))
    return journal.append(desk.works[0].path, said) if said else ()


def _said(desk: Desk, task: Task, one: LevelEntry, now: datetime, problems: list[str], where: str) -> list[Said]:
    before = desk.own(task)
    if before and (before.level, before.note) == (one.level, one.note.strip()):
        return []
    if before and not one.reason.strip():
        problems.append(f"{where}: reason: is missing; {person(desk.reviewer)} said {before.level} before")
        return []
    return [desk.said(task, level=one.level, note=one.note, reason=one.reason, now=now)]
