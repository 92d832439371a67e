"""Commands for people's own judgement: review."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.receiving import received
from assesskit.cli.reporting import assessment_of
from assesskit.cli.settings import ContentOption
from assesskit.cli.told import say, told
from assesskit.cli.writing import write_reports
from assesskit.errors import SubmissionError, UsageError

if TYPE_CHECKING:
    from assesskit.judging import Reviewed
    from assesskit.model import Assessment
    from assesskit.review.desk import Desk, SubmittedFile


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("review", rich_help_panel="Interviewers")(review)


@told
def review(
    assessments: Annotated[list[Path], typer.Argument(help="Assessments, or the folders that hold them.")],
    reviewer: Annotated[str, typer.Option("--as", help="The name you judge under; two people need two.")],
    submission: Annotated[
        list[Path] | None, typer.Option(help="What was handed in, to read its files beside the anchors.")
    ] = None,
    form: Annotated[bool, typer.Option("--form", help="Print a TOML file to fill in, instead of a browser.")] = False,
    take: Annotated[Path | None, typer.Option("--from", help="Take the levels of such a file.")] = None,
    port: Annotated[int, typer.Option(help="Port on loopback; a free one if not given.", min=0, max=65535)] = 0,
    content: ContentOption = None,
) -> None:
    """Judge what people judge: levels 0 to 3, with the evidence beside the anchors.

    Serves pages on this machine only, at an address that works once. You see neither a name nor what another reviewer
    said until both of you are done. --form and --from do the same with a file.
    """
    from assesskit.review.desk import Work
    from assesskit.review.desk import desk as made

    paths = [assessment_of(path) for path in assessments]
    if (form or take) and len(paths) != 1:
        raise UsageError("a file is for one assessment", where="--form" if form else "--from")
    seat = settings.reviewer_seat()
    files = _files(submission or [], paths, content)
    desk = made([Work(path, files.get(path, ())) for path in paths], reviewer, seat)
    if form:
        from assesskit.review.form import form as to_fill

        print(to_fill(desk), end="")
        return
    if take:
        from assesskit.review.form import take as taken

        entries = taken(desk, take, datetime.now(UTC))
        say(f"taken: {len(entries)} levels by {desk.reviewer}")
    else:
        _serve(desk, port)
    for path in paths:
        write_reports(path, settings.profiles(content))
        _say(path)


def _serve(desk: Desk, port: int) -> None:
    from assesskit.review.serving import serve

    def ready(address: str) -> None:
        print(f"Open this address; it works once:\n\n  {address}\n", flush=True)
        say("Close the review on its page, or press Ctrl-C; everything is saved as you go.")

    with contextlib.suppress(KeyboardInterrupt):  # it is how a person stops a server, and nothing is lost by it
        serve(desk, port, ready)


def _say(path: Path) -> None:
    from assesskit.judging import REVIEWERS
    from assesskit.reports.views import number

    found = _read(path)
    for problem in found.problems:
        say(f"{path}: {problem}")
    if found.open:
        print(f"{path}: {number(found.sum.earned)} of {found.sum.judged} points; reviewed by {', '.join(found.done)}")
    else:
        print(f"{path}: {len(found.done)} of {REVIEWERS} reviewers are done; levels stay closed until then")


def _read(path: Path) -> Reviewed:
    from assesskit.journal import read

    return read(path)


def _files(submissions: list[Path], paths: list[Path], content: Path | None) -> dict[Path, tuple[SubmittedFile, ...]]:
    """Return the readable files of each assessment's submission, found by variant and digest.

    Raises UsageError for one that belongs to none of the assessments, SubmissionError for one that cannot be taken.
    """
    records = {path: _read(path).assessment for path in paths}
    found: dict[Path, tuple[SubmittedFile, ...]] = {}
    for submission in submissions:
        if not submission.exists():
            raise UsageError("no such file or folder", where=str(submission))
        with received(submission, content=content) as came:
            theirs = _theirs(came.path, records, content)
        if not theirs:
            raise UsageError(
                "is not what any of these assessments graded: its exercise, its seed or its digest differs",
                where=str(submission),
            )
        found |= theirs
    return found


def _theirs(
    submission: Path, records: dict[Path, Assessment], content: Path | None
) -> dict[Path, tuple[SubmittedFile, ...]]:
    """Return the files of a submission, without its candidate's names, for each assessment that graded it."""
    from assesskit.content.digests import files_below
    from assesskit.kits import take
    from assesskit.review.desk import Work, readable

    refused: list[SubmissionError] = []
    variants = _variants(submission, records.values())
    for slug, seed in variants:
        with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
            try:
                taken = take(submission, settings.exercise(content, slug, seed), Path(temporary) / "submission")
            except SubmissionError as error:
                refused.append(error)
                continue
            files = files_below(taken.folder)
            graded = [path for path, record in records.items() if record.submission.digest == taken.submitted.digest]
            if graded:
                return {path: readable(files.items(), Work(path).names()) for path in graded}
    if refused and len(refused) == len(variants):
        raise refused[0]
    return {}


def _variants(submission: Path, records: Iterable[Assessment]) -> tuple[tuple[str, str | None], ...]:
    """Return exercise and seed of each variant that a submission may be of; only an archive is held to what it says."""
    from assesskit.kits import origin_of

    known = dict.fromkeys((record.exercise.slug, record.variant.seed) for record in records)
    origin = None if submission.is_dir() else origin_of(submission)
    return tuple(each for each in known if origin is None or each == (origin.exercise, origin.seed))
