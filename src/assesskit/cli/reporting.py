"""Commands that say what came of an assessment: report, rescore."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption
from assesskit.cli.told import say, told
from assesskit.cli.writing import write_reports
from assesskit.errors import UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.judging import Reviewed
    from assesskit.weighting import Profile

AssessmentArgument = Annotated[Path, typer.Argument(help="An assessment.json, or the folder that holds it.")]


class Form(StrEnum):
    """A form of report."""

    HTML = "html"
    PAGE = "page"
    MARKDOWN = "md"
    JSON = "json"
    CSV = "csv"
    JUNIT = "junit"
    PDF = "pdf"
    ATS = "ats"


class Reader(StrEnum):
    """Who a report is for."""

    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class Told(StrEnum):
    """How much a candidate is told; `reports.candidate.Detail` says what each means."""

    VERDICTS = "verdicts"
    FEEDBACK = "feedback"
    SEEN = "seen"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (report, rescore):
        app.command(command.__name__, rich_help_panel="Interviewers")(command)


def assessment_of(path: Path) -> Path:
    """Return the file of an assessment that is named by its file or its folder."""
    return path / "assessment.json" if path.is_dir() else path


@told
def report(
    assessment: AssessmentArgument,
    form: Annotated[Form, typer.Option("--format", help="Which form of report.")] = Form.HTML,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; standard output if not given.")
    ] = None,
    url: Annotated[str, typer.Option(help="Where people find the report, for --format ats.")] = "",
    reader: Annotated[Reader, typer.Option("--for", help="Who will read it.")] = Reader.INTERVIEWER,
    detail: Annotated[
        Told,
        typer.Option(
            help="For a candidate: verdicts only; what good looks like and what public checks saw; or also what hidden "
            "checks saw, in a line each."
        ),
    ] = Told.FEEDBACK,
    content: ContentOption = None,
) -> None:
    """Write a report from an assessment.

    html is for interviewers, page for hiring managers; json, csv, junit and ats are for programs. Nothing is run again:
    the assessment holds all that was seen. One for the candidate, as html, md or json, holds no hidden check, note,
    question or anchor.
    """
    from assesskit.journal import read
    from assesskit.store import write

    found = read(assessment_of(assessment))
    if reader is Reader.CANDIDATE:
        data = _for_candidate(found, form, detail)
    else:
        data = _rendered(found, form, settings.profiles(content), url)
    if out is not None:
        write(out, data)
        say(f"written: {out}")
    else:
        sys.stdout.buffer.write(data if form is Form.PDF else data.rstrip(b"\n") + b"\n")


def _for_candidate(found: Reviewed, form: Form, detail: Told) -> bytes:
    from assesskit.reports import candidate

    told_ = candidate.redacted(found, candidate.Detail(detail.value))
    forms: dict[Form, Callable[[], str]] = {
        Form.HTML: lambda: candidate.html(told_),
        Form.MARKDOWN: lambda: candidate.markdown(told_),
        Form.JSON: lambda: told_.model_dump_json(indent=2),
    }
    if form not in forms:
        raise UsageError(f"{form} is not for candidates", where="--format", hint=f"There are: {', '.join(forms)}.")
    return forms[form]().encode()


def _rendered(found: Reviewed, form: Form, profiles: tuple[Profile, ...], url: str) -> bytes:
    from assesskit.reports import exports, html, markdown, one_page

    if form is Form.PDF:
        from assesskit.reports.paper import as_pdf

        return as_pdf(found, profiles)
    forms: dict[Form, Callable[[], str]] = {
        Form.HTML: lambda: html(found, profiles),
        Form.PAGE: lambda: one_page(found, profiles),
        Form.MARKDOWN: lambda: markdown(found),
        Form.JSON: lambda: exports.as_json(found, profiles),
        Form.CSV: lambda: exports.as_csv(found),
        Form.JUNIT: lambda: exports.as_junit(found),
        Form.ATS: lambda: exports.as_ats(found, url),
    }
    return forms[form]().encode()


@told
def rescore(
    assessments: Annotated[list[Path], typer.Argument(help="Assessments, or the folders that hold them.")],
    role: Annotated[str | None, typer.Option(help="One role only.")] = None,
    rubric: Annotated[
        bool, typer.Option("--rubric", help="Score again under the rubric as it is now; kept on record.")
    ] = False,
    author: Annotated[str, typer.Option("--as", help="Who does that.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Score assessments again, without running anything.

    Says what each is worth under the profiles as they are now, and writes its pages anew. A rubric that was edited
    since is said to be one, and applied only with --rubric.
    """
    from assesskit.content.profiles import profiles as read_profiles
    from assesskit.journal import read

    known = read_profiles(settings.root(content))
    roles = (known.named(role),) if role else known.roles
    if rubric and not (author.strip() and reason.strip()):
        raise UsageError("needs --as NAME and --reason TEXT, which stay on record", where="--rubric")
    paths = [assessment_of(path) for path in assessments]
    for path in paths:
        before = read(path)
        exercise = _exercise(before, content)
        changed = exercise.digests().rubric != before.now.exercise.rubric_digest
        if rubric and changed:
            _apply(path, exercise, author, reason)
        write_reports(path, known.roles)
        _say(path, read(path), roles, stale=changed and not rubric, applied=changed and rubric, machine=json_)


def _exercise(reviewed: Reviewed, content: Path | None) -> Exercise:
    """Return the exercise of an assessment as it is now. Raises UsageError if it is not here, or in another version."""
    was = reviewed.assessment
    found = settings.exercise(content, was.exercise.slug, was.variant.seed)
    if found.spec.version != was.exercise.version:
        raise UsageError(
            f"was graded in version {was.exercise.version}, and this content has {found.spec.version}",
            where=was.exercise.slug,
            hint="Name the content of that version with --content, or grade again.",
        )
    return found


def _apply(path: Path, exercise: Exercise, author: str, reason: str) -> None:
    from assesskit.journal import append
    from assesskit.judging import Said, named

    said = Said.typed(
        kind="rubric",
        at=datetime.now(UTC),
        author=named(author),
        reason=reason,
        criteria=exercise.criteria,
        rubric_digest=exercise.digests().rubric,
    )
    append(path, [said])


def _say(path: Path, found: Reviewed, roles: tuple[Profile, ...], *, stale: bool, applied: bool, machine: bool) -> None:
    from assesskit.reports.exports import report as made
    from assesskit.reports.views import BANDS, number

    told_ = made(found, roles)
    if machine:
        said = {
            "assessment": str(path),
            "score": told_.score.model_dump(),
            "roles": [r.model_dump() for r in told_.roles],
        }
        print(json.dumps(said | {"rubric_is_older": stale, "rubric_applied": applied}))
        return
    print(f"{told_.submission}: {number(told_.score.earned)} of {told_.score.judged} points ({path})")
    for row in told_.roles:
        share = "not judged" if row.share is None else f"{row.share:.0%}"
        bands = ", ".join(f"{level} {BANDS[band]}" for level, band in row.bands.items())
        print(f"  {row.title:32} {share:>10}  of {row.covered:.0%} judged   {bands}")
    if stale:
        say("  The rubric was edited since this was scored. `--rubric --as NAME --reason TEXT` applies it.")
    if applied:
        say("  Scored again under the rubric as it is now; that is on record in review.jsonl.")
    for problem in found.problems:
        say(f"  {problem}")
