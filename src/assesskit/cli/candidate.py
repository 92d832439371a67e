"""Commands for candidates' work: check, submit."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import FAULT, plain, say, stop, told
from assesskit.cli.workspace import Workspace
from assesskit.errors import AssesskitError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.kits import Manifest
    from assesskit.model import Assessment, CriterionResult

LOG_LINES = 12
"""How many of a service's last lines are printed below a failure."""
NOTE = 4000
"""Characters of a note."""
REST = "Put the rest into a file of your work."


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    for command in (check, submit):
        app.command(command.__name__, rich_help_panel="Candidates")(command)


@told
def check(
    workspace: Workspace = Path(),
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 unless every public criterion is met.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes, until Ctrl-C.")] = False,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Run the public checks on your work.

    They run in a pod, with the grader your interviewer will use. There are hidden checks as well, which run after you
    submit; how many points are public is said at the end.
    """
    if watch and strict:
        raise UsageError("exclude each other", where="--watch, --strict")
    exercise = exercise_of(workspace, content)
    assessment = _run(workspace, exercise, runtime, machine=json_)
    if watch:
        for _ in _changes(workspace):
            try:
                _run(workspace, exercise, runtime, machine=json_)
            except AssesskitError as error:  # a workspace in the middle of an edit: the next change may cure it
                say(f"error: {error}\n  {error.hint}")
    if assessment.outcome == "harness_failed":
        say("This is a fault of ours, not of your work: run it again.")
        stop(FAULT)
    if strict and set(assessment.verdicts().values()) != {"met"}:
        stop(1)


def _changes(workspace: Path) -> Iterator[object]:
    """Every time files of the workspace changed; what tools and git write for themselves is no change."""
    from watchfiles import watch

    say("\nwatching for changes; Ctrl-C ends it")
    for _ in watch(workspace, raise_interrupt=True):
        yield None
        say("\nwatching for changes; Ctrl-C ends it")


def exercise_of(workspace: Path, content: Path | None) -> Exercise:
    """Return what the workspace is held against: what its kit holds, or else the exercise of the content root."""
    from assesskit.content import find_root
    from assesskit.kits import read_workspace
    from assesskit.kits.journey import is_journey, read_journey

    if is_journey(workspace):
        return read_journey(workspace).exercise()
    origin = read_workspace(workspace)
    try:
        find_root(content, os.environ)
    except UsageError:
        if content is None:
            read_journey(workspace)  # what a candidate has lost is what they can put back
        raise
    return settings.exercise(content, origin.exercise, origin.seed)


def _run(workspace: Path, exercise: Exercise, runtime: Kind, *, machine: bool) -> Assessment:
    """Run the public checks once, tell what they saw, and write down how it went."""
    from assesskit.assess import Task, assess
    from assesskit.cli.progress import shown
    from assesskit.kits import take
    from assesskit.kits.journey import Checked, is_journey, read_journey

    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        taken = take(workspace, exercise, Path(temporary) / "submission")
        task = Task(exercise, taken.folder, taken.submitted, tests=("public",))
        where = settings.runtime(runtime)
        with shown(f"{exercise.slug} · public checks · {where.name}", machine=machine) as on_event:
            assessment, _checks = assess(task, where, quiet_lock=settings.quiet_lock(), on_event=on_event)
    if machine:
        print(json.dumps({"event": "Assessed", "outcome": assessment.outcome, "verdicts": assessment.verdicts()}))
    else:
        _tell(assessment, exercise)
    if is_journey(workspace):
        now = datetime.now(UTC)
        checked = Checked(
            at=now,
            outcome=assessment.outcome,
            met=list(assessment.verdicts().values()).count("met"),
            criteria=len(assessment.results),
            points=assessment.score.earned,
        )
        read_journey(workspace).noted("seen", now, checked)
    return assessment


def _tell(assessment: Assessment, exercise: Exercise) -> None:
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
    public = {result.criterion.id: result.criterion.points for result in assessment.results}
    total = sum(criterion.points for criterion in exercise.criteria)
    print(
        f"\n{met} of {len(public)} public criteria are met, {assessment.score.earned} of {sum(public.values())} points."
    )
    print(f"{sum(public.values())} of {total} points are public. There are hidden checks as well, after you submit:")
    print(f"of the other criteria of the brief they measure {_rest(exercise, public)}")


def _rest(exercise: Exercise, public: Collection[str]) -> str:
    """How many criteria hidden checks measure, how many people judge, and what hidden checks look at again."""
    kinds = [criterion.kind for criterion in exercise.criteria if criterion.id not in public]
    people = f", and people judge {kinds.count('judged')}" if "judged" in kinds else ""
    again = [key for key in public if key in exercise.looked_at_again]
    return f"{kinds.count('automatic')}{people}." + (
        f" Hidden checks look again at {', '.join(again)}." if again else ""
    )


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
    ai: Annotated[str | None, typer.Option(help="Which AI assistants you used, and for what.")] = None,
    next_: Annotated[str | None, typer.Option("--next", help="What you would do next.")] = None,
    check: Annotated[bool, typer.Option(help="Run the public checks once before.")] = True,
    allow: Annotated[list[str] | None, typer.Option(help="A file that only looks as if it held a secret.")] = None,
    runtime: RuntimeOption = Kind.AUTO,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Freeze your work into one archive.

    Shows exactly what it will hold, and refuses key files, tokens of the usual services and what is too large. Submit
    as often as you like: the last archive you send counts.
    """
    from assesskit.kits import freeze
    from assesskit.kits.journey import is_journey, read_journey

    exercise = exercise_of(workspace, content)
    began = is_journey(workspace)
    for option, note in (("--ai", ai), ("--next", next_)):
        if len(note or "") > NOTE:
            raise UsageError(f"is longer than {NOTE} characters", where=option, hint=REST)
    who = f"{read_journey(workspace).manifest.candidate}-" if began else ""
    target = out or workspace.resolve().parent / f"{who}{exercise.slug}-submission.zip"
    _can_be_written(target, workspace)
    now = datetime.now(UTC)
    if not began:
        manifest = freeze(workspace, exercise, target, now=now, allowed=allow or ())
        _tell_held(manifest, target, machine=json_)
        return
    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        work = Path(temporary) / "work.zip"
        manifest = freeze(workspace, exercise, work, now=now, allowed=allow or ())
        if not json_:
            _tell_files(manifest)
        if check:
            _check_before(workspace, exercise, runtime, machine=json_)
        notes = (_note(ai, "Which AI assistants did you use, and for what?"), _note(next_, "What would you do next?"))
        _seal(workspace, work, manifest, target, notes)
    _tell_sealed(manifest, target, machine=json_)


def _check_before(workspace: Path, exercise: Exercise, runtime: Kind, *, machine: bool) -> None:
    """Run the public checks; that they cannot be run here keeps nobody from submitting."""
    try:
        _run(workspace, exercise, runtime, machine=machine)
    except AssesskitError as error:
        say(f"The public checks could not be run: {error}. The archive is written all the same.")


def _can_be_written(target: Path, workspace: Path) -> None:
    """Raise UsageError for an archive that could not be written, before anything runs and anybody is asked."""
    hint = "Name another file with --out."
    if target.resolve().is_relative_to(workspace.resolve()):
        raise UsageError("lies inside the workspace it would hold", where=str(target), hint=hint)
    if target.is_dir():
        raise UsageError("is a folder", where=str(target), hint=hint)
    if not os.access(target.parent, os.W_OK):
        raise UsageError("its folder is not there, or not yours to write to", where=str(target), hint=hint)


def _note(given: str | None, question: str) -> str:
    """What was given, or is answered now on a terminal; nothing where nobody can answer, or nobody does."""
    if given is None and sys.stdin.isatty():
        while len(given := _answer(question)) > NOTE:
            say(f"This is longer than {NOTE} characters. {REST}")
    return plain(given or "")


def _answer(question: str) -> str:
    print(question, end=" ", file=sys.stderr, flush=True)
    try:
        return input()
    except EOFError:  # Ctrl-D
        say("")
        return ""


def _seal(workspace: Path, work: Path, manifest: Manifest, target: Path, notes: tuple[str, str]) -> None:
    from assesskit.kits.journey import read_journey
    from assesskit.kits.sealing import seal

    now = datetime.now(UTC)
    seal(read_journey(workspace).noted("seen", now), work.read_bytes(), manifest, target, notes=notes, now=now)


def _tell_files(manifest: Manifest) -> None:
    print(f"{'bytes':>9}  file")
    for file in manifest.files:
        print(f"{file.size:9}  {file.path}")
    total = sum(file.size for file in manifest.files)
    print(f"\n{len(manifest.files)} files, {total} bytes, digest {manifest.digest()[:16]}")


def _tell_held(manifest: Manifest, target: Path, *, machine: bool) -> None:
    if machine:
        print(json.dumps({"archive": str(target), "manifest": manifest.model_dump(mode="json")}))
        return
    _tell_files(manifest)
    say(f"written: {target}")
    say("Send this one file. It holds the files above and a manifest: their digests, when the workspace was started")
    say("and when it was frozen.")


def _tell_sealed(manifest: Manifest, target: Path, *, machine: bool) -> None:
    if machine:
        print(json.dumps({"event": "Sealed", "archive": str(target), "manifest": manifest.model_dump(mode="json")}))
        return
    say(f"written: {target}")
    say("Send this one file. It holds the files listed above, their digests, your kit's signed manifest, when you")
    say("started and submitted, the time used, the versions of assesskit, Python and your system's name, how the last")
    say("check went, and your two notes.")
