"""Commands for candidates: start, check, submit."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, told

if TYPE_CHECKING:
    from assesskit.model import Assessment

Workspace = Annotated[Path, typer.Argument(help="The workspace; the current folder if not given.")]


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    for command in (start, check, submit):
        app.command(command.__name__, rich_help_panel="Candidates")(command)


@told
def start(
    exercise: Annotated[str, typer.Argument(help="The exercise; `assesskit list` names them.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder to make; the exercise's name if not given.")] = None,
    content: ContentOption = None,
) -> None:
    """Make a workspace for an exercise.

    It is a git repository with the brief, the starter, the contract and the public checks.
    """
    from assesskit.kits import start as make

    found = settings.exercise(content, exercise)
    made = make(found, folder or Path(found.slug), now=datetime.now(UTC))
    print(f"{found.spec.title}\n\nworkspace   {made}\nbrief       {made / 'README.md'}")
    print(f"time box    {found.spec.minutes} minutes, for your orientation")
    print(f"AI policy   {found.spec.ai.policy}: {found.spec.ai.text}")
    print("\nWork in the folder, then run there:")
    print("  assesskit check     the public checks, with feedback")
    print("  assesskit submit    freeze your work into one archive")


@told
def check(
    workspace: Workspace = Path(),
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 unless every public criterion is met.")] = False,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Run the public checks on your work.

    They run in a pod, with the grader your interviewer will use.
    """
    from assesskit.assess import Task, assess
    from assesskit.cli.progress import shown
    from assesskit.kits import read_workspace, take

    exercise = settings.exercise(content, read_workspace(workspace).exercise)
    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        taken = take(workspace, exercise, Path(temporary) / "submission")
        task = Task(exercise, taken.folder, taken.submitted, tests=("public",))
        where = settings.runtime(runtime)
        with shown(f"{exercise.slug} · public checks · {where.name}", machine=json_) as on_event:
            assessment, _checks = assess(task, where, quiet_lock=settings.quiet_lock(), on_event=on_event)
    if json_:
        print(json.dumps({"event": "Assessed", "outcome": assessment.outcome, "verdicts": assessment.verdicts()}))
    else:
        _tell(assessment, total=sum(criterion.points for criterion in exercise.criteria))
    if assessment.outcome == "harness_failed":
        stop(FAULT)
    if strict and set(assessment.verdicts().values()) != {"met"}:
        stop(1)


def _tell(assessment: Assessment, *, total: int) -> None:
    """Print the feedback, and what the public checks do not cover."""
    for result in assessment.results:
        if result.verdict == "met":
            continue
        print(f"\n{result.criterion.id}: {result.criterion.title}")
        failed = [seen for seen in result.observations if seen.outcome == "failed"]
        if not failed:
            print(f"  {result.reason}")
        for seen in failed:
            print(f"  {seen.summary}")
            told_ = {"sent": seen.sent, "received": seen.received, "expected": seen.expected, "rule": seen.rule}
            for word, text in told_.items():
                if text:
                    print(f"    {word}: {text.replace(chr(10), chr(10) + '      ')}")
    if assessment.failure:
        print(f"\n{assessment.failure.phase}: {assessment.failure.reason}\n{assessment.failure.log}")
    score = assessment.score
    print(f"\n{score.earned} of {score.judged} public points; the whole exercise has {total}.")
    print(
        "The brief names every criterion. Your interviewer's grader runs further checks that are not in this workspace."
    )


@told
def submit(
    workspace: Workspace = Path(),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Archive to write.")] = None,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Freeze your work into one archive.

    It has a manifest of digests, and you are told exactly what is in it.
    """
    from assesskit.kits import freeze, read_workspace

    exercise = settings.exercise(content, read_workspace(workspace).exercise)
    target = out or workspace.resolve().parent / f"{exercise.slug}-submission.zip"
    manifest = freeze(workspace, exercise, target, now=datetime.now(UTC))
    if json_:
        print(json.dumps({"archive": str(target), "manifest": manifest.model_dump(mode="json")}))
        return
    print(f"{'bytes':>9}  file")
    for file in manifest.files:
        print(f"{file.size:9}  {file.path}")
    total = sum(file.size for file in manifest.files)
    print(f"\n{len(manifest.files)} files, {total} bytes, digest {manifest.digest()[:16]}")
    say(f"written: {target}\nSend this one file. It holds what is listed above and nothing else.")
