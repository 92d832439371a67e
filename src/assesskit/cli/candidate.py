"""Commands for candidates: start, check, submit."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, say, stop, told

if TYPE_CHECKING:
    from assesskit.model import Assessment, CriterionResult

LOG_LINES = 12
"""How many of a service's last lines are printed below a failure."""
Workspace = Annotated[Path, typer.Argument(help="The workspace; the current folder if not given.")]


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    for command in (start, check, submit):
        app.command(command.__name__, rich_help_panel="Candidates")(command)


@told
def start(
    exercise: Annotated[str, typer.Argument(help="The exercise; `assesskit list` names them.")],
    folder: Annotated[Path | None, typer.Argument(help="Folder to make; the exercise's name if not given.")] = None,
    seed: Annotated[str | None, typer.Option(help="Draws a variant; the default one if not given.")] = None,
    content: ContentOption = None,
) -> None:
    """Make a workspace for an exercise.

    It is a git repository with the brief, the starter, the contract and the public checks.
    """
    from assesskit.kits import start as make

    found = settings.exercise(content, exercise, seed)
    made = make(found, folder or Path(found.slug), now=datetime.now(UTC))
    print(f"{found.spec.title}\n\nworkspace   {made}\nbrief       {made / 'README.md'}")
    if found.variant.seed is not None:
        print(f"variant     seed {found.variant.seed}")
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

    origin = read_workspace(workspace)
    exercise = settings.exercise(content, origin.exercise, origin.seed)
    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        taken = take(workspace, exercise, Path(temporary) / "submission")
        task = Task(exercise, taken.folder, taken.submitted, tests=("public",))
        where = settings.runtime(runtime)
        with shown(f"{exercise.slug} · public checks · {where.name}", machine=json_) as on_event:
            assessment, _checks = assess(task, where, quiet_lock=settings.quiet_lock(), on_event=on_event)
    if json_:
        print(json.dumps({"event": "Assessed", "outcome": assessment.outcome, "verdicts": assessment.verdicts()}))
    else:
        _tell(assessment, criteria=len(exercise.criteria))
    if assessment.outcome == "harness_failed":
        say("This is a fault of ours, not of your work: run it again.")
        stop(FAULT)
    if strict and set(assessment.verdicts().values()) != {"met"}:
        stop(1)


def _tell(assessment: Assessment, *, criteria: int) -> None:
    """Print the feedback, what the service said meanwhile, and what the public checks do not cover."""
    if assessment.failure:
        print(f"\n{assessment.failure.phase}: {assessment.failure.reason}")
        print(indent(assessment.failure.log, "    "))
    else:
        printed: set[str] = set()
        for result in assessment.results:
            if result.verdict != "met":
                _tell_result(result, printed)
    met = sum(verdict == "met" for verdict in assessment.verdicts().values())
    public = len(assessment.results)
    print(f"\n{met} of {public} public criteria are met, {assessment.score.earned} points.", end=" ")
    print(f"The other {criteria - public} are measured after you submit.")


def _tell_result(result: CriterionResult, printed: set[str]) -> None:
    """Print what each failed check of a criterion saw. `printed` are log lines that an earlier one has shown."""
    print(f"\n{result.criterion.id}: {result.criterion.title}")
    failed = [seen for seen in result.observations if seen.outcome == "failed"]
    if not failed:
        print(f"  {result.reason}")
    for seen in failed:
        print(f"  {seen.summary}")
        for word, text in seen.told().items():
            print(f"    {word}: " + text.strip().replace("\n", "\n        "))
        logs = [evidence for evidence in seen.evidence if evidence.kind == "log"]
        for evidence in logs:
            new = [line for line in evidence.data["lines"] if line not in printed]
            printed.update(new)
            if new:
                print(f"    {evidence.title}:\n" + indent("\n".join(new[-LOG_LINES:]), "        "))


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

    origin = read_workspace(workspace)
    exercise = settings.exercise(content, origin.exercise, origin.seed)
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
    say(f"written: {target}")
    say("Send this one file. It holds the files above and a manifest: their digests, when the workspace was started")
    say("and when it was frozen.")
