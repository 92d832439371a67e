"""A desk over a real record: two judged criteria, one competency with evidence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.reports import samples

from assesskit import journal
from assesskit.model import Assessment
from assesskit.review.desk import Desk, SubmittedFile, Work, desk
from assesskit.store import write_assessment

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
NAME = "Ada Lovelace"
ANCHORS = ("Nothing is written.", "Choices are listed.", "Choices have reasons.", "Costs are named.")
MakeDesk = Callable[..., Desk]


def assessment(run: str = "run-1", name: str = NAME) -> Assessment:
    """Two criteria for people; what checks saw of the first one's competency says the candidate's name."""
    seen = samples.observation(
        "contract.errors", "failed", summary=f"hello {name} was answered with 500", sent=f"GET /{name}\nX: 1"
    )
    judged = {"kind": "judged", "anchors": ANCHORS, "competency": "api-design"}
    held = (
        samples.result(samples.criterion("contract.errors", "Errors are told"), "not_met", f"{name}: 500", seen),
        samples.result(samples.criterion("judged.decisions", "Decisions are written down", 6, **judged), "ungraded"),
        samples.result(samples.criterion("judged.threats", "Threats are named", 3, **judged), "ungraded"),
    )
    found = samples.assessment(held, run=run)
    return found.model_copy(update={"submission": found.submission.model_copy(update={"name": name})})


def written(folder: Path, found: Assessment) -> Path:
    """A record in a folder of its own."""
    folder.mkdir()
    path = folder / "assessment.json"
    write_assessment(path, found)
    journal.opened(path, NOW, "assesskit")
    return path


def desks(record: Path) -> MakeDesk:
    """What makes desks at a record, or at the records that are named."""

    def make(reviewer: str = "Kim", seat: str = "", *paths: Path, files: tuple[SubmittedFile, ...] = ()) -> Desk:
        works = [Work(path, files) for path in paths or (record,)]
        return desk(works, reviewer, seat or reviewer)

    return make


def judge_all(of: Desk, level: int = 2) -> None:
    """Say the same level of everything."""
    for task in of.tasks:
        of.save(task, level=level, note="", reason="", seen="", now=NOW)
