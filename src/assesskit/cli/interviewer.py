"""Commands for interviewers: list, show, grade, report."""

from __future__ import annotations

import json
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.receiving import received
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, tell, told
from assesskit.errors import SubmissionError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.model import Assessment
    from assesskit.pods import PodRuntime


class Form(StrEnum):
    """A form of report."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


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
    """Add this audience's commands."""
    panel = "Interviewers"
    for command in (list_, show, grade, report):
        app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)


@told
def list_(content: ContentOption = None, json_: JsonOption = False) -> None:
    """List the exercises."""
    from assesskit.content import load, slugs

    where = settings.root(content)
    found = [load(where, slug) for slug in slugs(where)]
    if json_:
        print(
            json.dumps(
                [
                    {"slug": e.slug, "title": e.spec.title, "minutes": e.spec.minutes, "version": e.spec.version}
                    for e in found
                ]
            )
        )
        return
    for each in found:
        print(f"{each.slug:20} {each.spec.minutes:4} min  {each.spec.title}")


@told
def show(exercise: str, content: ContentOption = None, json_: JsonOption = False) -> None:
    """Show what an exercise asks, and what it is worth."""
    found = settings.exercise(content, exercise)
    public = {key for key, checks in found.checks.items() if any(check.visibility == "public" for check in checks)}
    if json_:
        criteria = [criterion.model_dump() | {"public": criterion.id in public} for criterion in found.criteria]
        print(
            json.dumps(
                {"exercise": found.exercised().model_dump(), "minutes": found.spec.minutes, "criteria": criteria}
            )
        )
        return
    print(
        f"{found.spec.title} ({found.slug} {found.spec.version}, {found.spec.minutes} minutes)\n{found.spec.summary}\n"
    )
    for criterion in found.criteria:
        seen = "public" if criterion.id in public else "hidden" if criterion.kind == "automatic" else "judged"
        print(f"{criterion.points:4}  {seen:7} {criterion.id:28} {criterion.title}")
    print(f"{sum(criterion.points for criterion in found.criteria):4}  points")


@told
def grade(
    submissions: Annotated[list[Path], typer.Argument(help="Archives made by `assesskit submit`, or folders.")],
    exercise: Annotated[
        str | None, typer.Option(help="Exercise of a folder that does not say which it belongs to.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Variant of a folder that does not say which it is.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the assessments and reports.")] = Path("assessments"),
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Grade submissions and write a report of each.

    A submission that is refused does not stop the others. Code nobody trusts runs in Docker only; --runtime process
    runs it as plain processes of yours, and isolates nothing.
    """
    where: PodRuntime | None = None
    refused: list[Path] = []
    faults: list[Path] = []
    for path in submissions:
        try:
            with received(path, machine=json_) as came:
                asked = _exercise_of(came.path, exercise, seed, content)
                where = where or settings.isolated(runtime)
                assessment, page = grade_one(came.path, asked, where, out, machine=json_)
                came.keep(page.parent)
        except (SubmissionError, UsageError) as error:
            tell(error)
            refused.append(path)
        else:
            faults += [path] if assessment.outcome == "harness_failed" else []
    for paths, what in ((refused, "refused"), (faults, "not graded through a fault of ours; grade again")):
        if paths and len(submissions) > 1:
            say(f"{len(paths)} of {len(submissions)} {what}: {', '.join(map(str, paths))}")
    if faults:
        stop(FAULT)
    if refused:
        stop(SubmissionError.exit_code)


def grade_one(
    path: Path, exercise: Exercise, runtime: PodRuntime, out: Path, *, machine: bool, name: str = ""
) -> tuple[Assessment, Path]:
    """Grade one submission, write its folder, say where it is; return the path of its HTML report too."""
    from assesskit.assess import Task, assess
    from assesskit.cli.progress import shown
    from assesskit.kits import take
    from assesskit.reports import html, markdown
    from assesskit.store import RunFolder, write, write_assessment

    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        taken = take(path, exercise, Path(temporary) / "submission")
        title = f"{exercise.slug} · {name or taken.submitted.name} · {runtime.name}"
        with shown(title, machine=machine) as on_event:
            task = Task(exercise, taken.folder, taken.submitted)
            assessment, checks = assess(task, runtime, quiet_lock=settings.quiet_lock(), on_event=on_event)
    folder = RunFolder.create(out, name or taken.submitted.name, assessment.run)
    write_assessment(folder.assessment, assessment)
    write(folder.html, html(assessment).encode())
    write(folder.markdown, markdown(assessment).encode())
    write(folder.checks, json.dumps(checks, indent=2).encode())
    _tell(assessment, folder.path, machine=machine)
    return assessment, folder.html


def _tell(assessment: Assessment, folder: Path, *, machine: bool) -> None:
    score = assessment.score
    if machine:
        told_ = {
            "outcome": assessment.outcome,
            "score": score.model_dump(),
            "digest": assessment.digest(),
            "folder": str(folder),
        }
        print(json.dumps({"event": "Assessed", "run": assessment.run, **told_}))
        return
    kinds = [result.criterion.kind for result in assessment.results if result.criterion.id in score.missing]
    unjudged = f", {kinds.count('automatic')} criteria could not be judged" if "automatic" in kinds else ""
    unjudged += f", {kinds.count('judged')} await review" if "judged" in kinds else ""
    print(
        f"{assessment.submission.name}: {assessment.outcome.replace('_', ' ')}, "
        f"{score.earned} of {score.judged} points{unjudged}"
    )
    if assessment.failure:
        print(f"  {assessment.failure.phase}: {assessment.failure.reason}")
        for line in assessment.failure.log.splitlines()[-12:]:
            print(f"    {line}")
    print(f"  report: {folder / 'report.html'}")


@told
def report(
    assessment: Annotated[Path, typer.Argument(help="An assessment.json, or the folder that holds it.")],
    form: Annotated[Form, typer.Option("--format", help="Which form of report.")] = Form.HTML,
    reader: Annotated[Reader, typer.Option("--for", help="Who will read it.")] = Reader.INTERVIEWER,
    detail: Annotated[
        Told,
        typer.Option(
            help="For a candidate: verdicts only; what good looks like and what public checks saw; or also what hidden "
            "checks saw, in a line each."
        ),
    ] = Told.FEEDBACK,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; standard output if not given.")
    ] = None,
) -> None:
    """Write a report from an assessment.

    Nothing is run again: the assessment holds all that was seen. One for the candidate holds no hidden check, note,
    question or anchor.
    """
    from assesskit.reports import html, markdown
    from assesskit.store import read_assessment

    read = read_assessment(assessment / "assessment.json" if assessment.is_dir() else assessment)
    if reader is Reader.CANDIDATE:
        _write_report(_for_candidate(read, form, detail), out)
        return
    match form:
        case Form.HTML:
            text = html(read)
        case Form.MARKDOWN:
            text = markdown(read)
        case Form.JSON:
            text = read.model_dump_json(indent=2)
    _write_report(text, out)


def _for_candidate(assessment: Assessment, form: Form, detail: Told) -> str:
    from assesskit.reports import candidate

    told_ = candidate.redacted(assessment, candidate.Detail(detail.value))
    if form is Form.JSON:
        return told_.model_dump_json(indent=2)
    return candidate.html(told_) if form is Form.HTML else candidate.markdown(told_)


def _write_report(text: str, out: Path | None) -> None:
    from assesskit.store import write

    if out is None:
        print(text)
    else:
        write(out, text.encode())
        say(f"written: {out}")


def _exercise_of(path: Path, named: str | None, seed: str | None, content: Path | None) -> Exercise:
    """Return the variant of the exercise that a submission is graded against.

    Raises UsageError if neither it nor the caller says which exercise, or if it says another seed than the caller.
    """
    from assesskit.kits import origin_of

    if not path.exists():
        raise UsageError("no such file or folder", where=str(path))
    origin = origin_of(path)
    slug = named or (origin.exercise if origin else None)
    if slug is None:
        raise UsageError("does not say which exercise it belongs to", where=str(path), hint="Name it with --exercise.")
    if origin and seed not in (None, origin.seed):
        hint = "--seed is for folders that do not say what they were started from."
        raise UsageError(f"was started with seed {origin.seed!r}, not {seed!r}", where=str(path), hint=hint)
    return settings.exercise(content, slug, origin.seed if origin else seed)
