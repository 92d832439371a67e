"""Commands for whoever runs assesskit: doctor, demo."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind
from assesskit.cli.told import FAULT, stop, told
from assesskit.errors import AssesskitError, EngineError, RuntimeUnavailableError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.pods import PodRuntime


def add_to(app: typer.Typer) -> None:
    """Add this audience's commands."""
    for command in (doctor, demo):
        app.command(command.__name__, rich_help_panel="Operators")(command)


@told
def doctor(
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Build every image now, so that grading needs no network.")
    ] = False,
    content: ContentOption = None,
    json_: JsonOption = False,
) -> None:
    """Say what works on this machine.

    And what does not, and what to do about it.
    """
    found = [_python(), *(_answers(kind) for kind in (Kind.DOCKER, Kind.PROCESS)), _tool("git"), _content(content)]
    if prepare:
        found += _prepared(content)
    if json_:
        print(json.dumps(found))
    else:
        for each in found:
            print(f"{'✓' if each['ok'] else '✗'} {each['what']:12} {each['says']}")
    if not any(each["ok"] for each in found if each["what"] in {Kind.DOCKER, Kind.PROCESS}):
        stop(RuntimeUnavailableError.exit_code)


def _python() -> dict[str, Any]:
    return {"what": "python", "ok": True, "says": sys.version.split()[0]}


def _tool(name: str) -> dict[str, Any]:
    path = shutil.which(name)
    return {"what": name, "ok": path is not None, "says": path or f"not found; install {name}"}


def _answers(kind: Kind) -> dict[str, Any]:
    try:
        info = settings.runtime(kind).check()
    except AssesskitError as error:
        return {"what": kind, "ok": False, "says": f"{error} {error.hint}".strip()}
    facts = ", ".join(f"{key} {value}" for key, value in info.facts.items())
    trust = "isolates code nobody trusts" if info.isolated else "isolates nothing: for trusted code only"
    return {"what": kind, "ok": True, "says": f"{info.version}; {trust}{'; ' + facts if facts else ''}"}


def _content(content: Path | None) -> dict[str, Any]:
    from assesskit.content import load, slugs

    try:
        root = settings.root(content)
    except UsageError as error:
        if content is not None:
            return {"what": "content", "ok": False, "says": str(error)}
        return {
            "what": "content",
            "ok": True,
            "says": "none here; a kit brings its own, interviewers name one: --content",
        }
    try:
        for slug in slugs(root):
            load(root, slug)
    except AssesskitError as error:
        return {"what": "content", "ok": False, "says": str(error)}
    return {"what": "content", "ok": True, "says": f"{root}: {', '.join(slugs(root))}"}


def _prepared(content: Path | None) -> list[dict[str, Any]]:
    """Build every program of ours: as images where Docker answers, else as environments of plain processes."""
    from assesskit.content import load, slugs
    from assesskit.staging import programs

    root = settings.root(content)
    runtime = settings.runtime(Kind.AUTO)
    built = []
    for slug in slugs(root):
        exercise = load(root, slug)
        for name, program in programs(exercise, exercise.folder, reference=True).items():
            if program.trusted:
                image = runtime.build(program, lambda line: print(f"  {line}", file=sys.stderr))
                built.append({"what": "image", "ok": True, "says": f"{slug} {name} {image.digest[:19]}"})
        if runtime.name == Kind.DOCKER:
            built += [_allowed(runtime, exercise, argument) for argument in exercise.spec.submission.images]
    return built


def _allowed(runtime: PodRuntime, exercise: Exercise, argument: str) -> dict[str, Any]:
    """Say whether a submission may start from an image that the exercise allows."""
    import tempfile

    from assesskit.staging import programs

    with tempfile.TemporaryDirectory() as folder:
        each = programs(exercise, Path(folder), reference=False).values()
        program = next(one for one in each if not one.trusted)
        program.folder.mkdir(parents=True, exist_ok=True)
        (program.folder / "Dockerfile").write_text(f"ARG {argument}\nFROM ${{{argument}}}\n")
        try:
            runtime.build(program, lambda _: None)
        except EngineError as error:
            return {"what": "image", "ok": False, "says": f"{exercise.slug} {argument}: {error.what}; {error.hint}"}
    return {"what": "image", "ok": True, "says": f"{exercise.slug} {argument}"}


@told
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("demo-out"),
    exercise: Annotated[str, typer.Option(help="Exercise to show.")] = "build-service",
    content: ContentOption = None,
) -> None:
    """Grade two submissions without an engine.

    One is right and one is flawed; each gets a report, and both a page side by side.
    """
    import tempfile

    from assesskit.cli.interviewer import grade_one
    from assesskit.cli.receiving import Received
    from assesskit.cli.writing import write_comparison
    from assesskit.proof.claims import claims
    from assesskit.prove import lay_out

    found = settings.exercise(content, exercise)
    runtime = settings.runtime(Kind.PROCESS)
    flawed = [mutant.name for mutant in found.mutants if mutant.demo]
    roles = settings.profiles(content)
    graded: list[Path] = []
    outcomes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="assesskit-demo-") as temporary:
        for claim in (claim for claim in claims(found) if claim.name in {"reference", *flawed}):
            program = lay_out(claim, Path(temporary) / claim.name)
            assessment, folder = grade_one(Received(program, None), found, runtime, out, profiles=roles, machine=False)
            graded.append(folder.assessment)
            outcomes.append(assessment.outcome)
    page = out / "compare.html"
    write_comparison(page, graded, roles)
    print(f"\nside by side: {page}")
    print("These two ran as plain processes. `assesskit grade` runs submissions in Docker, where nothing gets out.")
    if "harness_failed" in outcomes:
        stop(FAULT)
