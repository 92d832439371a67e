"""Commands for interviewers: list, show, grade."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.receiving import Received, received, recorded
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, tell, tell_bug, told
from assesskit.cli.writing import write_reports
from assesskit.errors import AssesskitError, HarnessError, StoreError, SubmissionError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.model import Assessment
    from assesskit.pods import PodRuntime
    from assesskit.store import RunFolder
    from assesskit.weighting import Profile


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    panel = "Interviewers"
    for command in (list_, show, grade):
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

    A submission that is refused, or not graded through a fault of ours, does not stop the others. Code nobody trusts
    runs in Docker only; --runtime process runs it as plain processes of yours, and isolates nothing.
    """
    roles = settings.profiles(content)
    where: PodRuntime | None = None
    refused: list[Path] = []
    faults: list[Path] = []
    for path in submissions:
        try:
            with received(path, content=content) as came:
                came.tell(path.name, machine=json_)
                asked = _exercise_of(came.path, exercise, seed, content)
                where = where or settings.isolated(runtime)
                assessment, _folder = grade_one(came, asked, where, out, profiles=roles, machine=json_)
        except (SubmissionError, UsageError) as error:
            tell(error)
            refused.append(path)
        except HarnessError as error:
            tell(error)
            faults.append(path)
        except (AssesskitError, BrokenPipeError):
            raise
        except Exception:  # noqa: BLE001  told like any other that nobody foresaw; the others are still to be graded
            tell_bug()
            faults.append(path)
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
    came: Received,
    exercise: Exercise,
    runtime: PodRuntime,
    out: Path,
    *,
    profiles: Sequence[Profile],
    machine: bool,
) -> tuple[Assessment, RunFolder]:
    """Grade one submission, write its folder with reports for `profiles`, and say where it is.

    Raises SubmissionError if it cannot be taken, StoreError if what came of it cannot be kept.
    """
    from assesskit.assess import Task, assess
    from assesskit.cli.progress import shown
    from assesskit.journal import opened
    from assesskit.kits import take
    from assesskit.store import RunFolder, write, write_assessment

    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        taken = take(came.path, exercise, Path(temporary) / "submission")
        task = Task(exercise, taken.folder, recorded(taken.submitted))
        _made(out)
        with shown(f"{exercise.slug} · {task.submitted.name} · {runtime.name}", machine=machine) as on_event:
            assessment, checks = assess(task, runtime, quiet_lock=settings.quiet_lock(), on_event=on_event)
    folder = RunFolder.create(out, assessment.submission.name, assessment.run)
    write_assessment(folder.assessment, assessment)
    came.keep(folder.handed)  # before the reports: a record that does not say whom it is of cannot be erased
    write(folder.checks, json.dumps(checks, indent=2).encode())
    opened(folder.assessment, datetime.now(UTC), f"assesskit {assessment.tool}")
    write_reports(folder.assessment, profiles)
    _tell(assessment, folder.path, machine=machine)
    return assessment, folder


def _made(out: Path) -> None:
    """Make the folder for what comes of it, before anything runs. Raises StoreError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Name another folder with --out."
        raise StoreError(f"cannot be made: {error.strerror}", where=str(out), hint=hint) from error


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
    print(f"  report: {folder / 'report.html'}, and on one page: {folder / 'page.html'}")


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
