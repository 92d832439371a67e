"""Commands for a candidate's workspace: start, status, stop, logs, reset."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assesskit.cli import settings
from assesskit.cli.settings import ContentOption, JsonOption, Kind, RuntimeOption
from assesskit.cli.told import say, told
from assesskit.errors import AssesskitError, UsageError

if TYPE_CHECKING:
    from assesskit.content import Exercise
    from assesskit.environment import Keeper
    from assesskit.kits.journey import Journey

PLACES = {"docker": "in Docker", "process": "as plain processes"}
LIVE, ROUTE = "traces --live", "route MODE"
TRIAL = "trial"
"""The alias of whoever tries an exercise out."""
NEXT = {
    "check": "the public checks, with feedback; the first time takes a minute or two",
    LIVE: "your work with gentle traffic, and what it traces, in the browser",
    ROUTE: "where the router leads callers: to the monolith, or to the service that you run by hand",
    "status": "time, services and the last check; `stop` pauses, `start` goes on",
    "submit": "freeze your work into one archive",
}
Workspace = Annotated[Path, typer.Argument(help="The workspace; the current folder if not given.")]
Folder = Annotated[Path, typer.Option("--workspace", help="The workspace; the current folder if not given.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (start, status, stop, logs, reset):
        app.command(command.__name__, rich_help_panel="Candidates")(command)


@told
def start(
    kit: Annotated[str, typer.Argument(help="Your kit, a zip or the folder it was unpacked to; or a workspace.")] = ".",
    folder: Annotated[Path | None, typer.Argument(help="Folder to make; the exercise's name if not given.")] = None,
    key: Annotated[str | None, typer.Option(help="Take only a kit that this key has signed.")] = None,
    minutes: Annotated[int | None, typer.Option(help="Your time box, if you were told another.", min=1)] = None,
    services: Annotated[bool, typer.Option(help="Start the task's services.")] = True,
    runtime: RuntimeOption = Kind.AUTO,
    seed: Annotated[str | None, typer.Option(help="For an exercise of a content root: draws a variant.")] = None,
    content: ContentOption = None,
) -> None:
    """Start on a kit, or go on with a workspace.

    Makes a git workspace with the brief, the starter, the contract and the public checks, starts the services that the
    task needs, and the clock. In a workspace it goes on where you stopped. Interviewers may name an exercise instead,
    to try it out.
    """
    from assesskit.content.schema import SLUG
    from assesskit.kits import journey as journeys
    from assesskit.kits.manifest import MARKER

    path, now = Path(kit), datetime.now(UTC)
    unpacked = (path / "kit.json").is_file()
    if folder is None and ((path / MARKER).is_file() or (path == Path() and not unpacked)):
        begun = journeys.read_journey(path)
    elif path.is_file() or unpacked or not re.fullmatch(SLUG, kit):
        begun = _from_kit(path, folder, key, now)
    else:
        begun = _on_trial(kit, folder, seed, content, now)
    if key is not None and key.lower() != begun.manifest.key:
        raise UsageError("is the workspace of a kit that another key signed", where=str(begun.workspace))
    begun = begun.noted("started", now)
    if minutes is not None:
        begun = begun.boxed(minutes)
    _tell_start(begun, now, _services(begun, runtime) if services else None)


def _from_kit(path: Path, folder: Path | None, key: str | None, now: datetime) -> Journey:
    """Make the workspace of a kit, or find the one it made. Nothing is written before the kit is known to be whole."""
    from assesskit.kits import journey as journeys
    from assesskit.kits.kit import open_kit
    from assesskit.kits.manifest import MARKER

    opened = open_kit(path, key=key)
    target = folder or Path(opened.manifest.exercise)
    if (target / MARKER).is_file():
        return journeys.resume(opened, target)
    return journeys.begin(opened, target, now=now)


def _on_trial(slug: str, folder: Path | None, seed: str | None, content: Path | None, now: datetime) -> Journey:
    """Invite oneself to an exercise of the content root: what a candidate has, with a kit that nobody sends."""
    from assesskit import store
    from assesskit.cli.inviting import made
    from assesskit.kits.ledger import note

    found = settings.exercise(content, slug, seed)
    invited, data = made(found, TRIAL, None, found.spec.minutes)
    with tempfile.TemporaryDirectory(prefix="assesskit-") as temporary:
        kit = Path(temporary) / "kit.zip"
        store.write(kit, data)
        begun = _from_kit(kit, folder, None, now)
    note(settings.ledger(), invited)
    return begun


def _services(journey: Journey, kind: Kind) -> Keeper | None:
    """Bring the services up; if that fails, say why, and go on: the workspace is there, and `check` has its own."""
    from assesskit.environment import keeper, up

    folder = journey.folder.resolve()
    try:
        exercise = journey.exercise()
        if not exercise.spec.services:
            return None
        if kind is Kind.AUTO and (running := keeper(folder)) and running.all_up():
            return running
        where = settings.where(kind)
        say(f"starting the services {PLACES[where.runtime]}; the first time fetches packages and takes a minute …")
        with one_line() as on_line:
            return up(folder, exercise, where, on_line, insist=kind is not Kind.AUTO)
    except AssesskitError as error:
        say(f"The services are not up: {error}")
        say(f"  {error.hint or 'Try `assesskit start` again.'} `assesskit check` needs none of them.")
        return None


@contextmanager
def one_line() -> Iterator[Callable[[str], None]]:
    """Show progress in a line that is written over, and nothing of it where there is no terminal to do so."""
    if not sys.stderr.isatty():
        yield lambda _line: None
        return
    yield lambda line: print(f"\r  {line.strip()[:70]:70}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':72}\r", end="", file=sys.stderr)


def _tell_start(journey: Journey, now: datetime, running: Keeper | None) -> None:
    from assesskit import __version__

    exercise = journey.exercise()
    if journey.manifest.tool != __version__:
        say(f"This kit was made with assesskit {journey.manifest.tool}, and this is {__version__}: verdicts may differ")
        say("from your interviewer's. Better: install the wheel of that version, which came with your invitation.")
    print(f"{journey.manifest.title}\n\nworkspace   {journey.workspace}\nbrief       {journey.workspace / 'README.md'}")
    if running:
        for name, url in running.urls.items():
            print(f"{name:11} {url}, {PLACES[running.runtime]}")
    print(f"signed by   {journey.manifest.key}\ntime box    {_time(journey, now)}")
    print(f"AI policy   {exercise.spec.ai.policy}: {exercise.spec.ai.text}")
    _tell_next(exercise)


def _tell_next(exercise: Exercise) -> None:
    from assesskit.cli.traces import watchable
    from assesskit.environment.routing import routable

    needed = {LIVE: watchable, ROUTE: routable}
    called = "assesskit" if shutil.which("assesskit") else str(Path(sys.argv[0]).resolve())
    print("\nWork in the folder, then run there:")
    for what, says in NEXT.items():
        if needed.get(what, bool)(exercise):
            print(f"  {called} {what:14} {says}")


def _time(journey: Journey, now: datetime) -> str:
    """The time box in one line. It is for orientation, and says so when it is over."""
    from assesskit.kits.clock import told as duration

    used, box = journey.used(now), journey.state.minutes * 60
    left = f"{duration(box - used.seconds)} left" if used.seconds <= box else f"{duration(used.seconds - box)} over"
    state = "" if used.running else ", the clock stands" if journey.manifest.pause else ", the clock does not stop"
    back = " (this machine's clock was set back meanwhile)" if used.set_back else ""
    return f"{duration(used.seconds)} used of {journey.state.minutes} minutes, {left}{state}; it locks nothing{back}"


@told
def status(workspace: Workspace = Path(), json_: JsonOption = False) -> None:
    """Show the time, the services and the last check."""
    from assesskit.environment import keeper
    from assesskit.environment.routing import ROUTER, routable
    from assesskit.kits.journey import read_journey

    now = datetime.now(UTC)
    journey = read_journey(workspace).noted("seen", now)
    running = keeper(journey.folder.resolve())
    said = _said(running)
    exercise = journey.exercise()
    expected = [one.name for one in exercise.spec.services] + [ROUTER] * routable(exercise)
    states = {name: said["services"].get(name, "not running") for name in expected}
    if json_:
        place = running.runtime if running else None
        print(json.dumps(_status(journey, now, states, said["urls"]) | {"runtime": place}))
        return
    print(f"{journey.manifest.title}\n\ntime box    {_time(journey, now)}")
    for name, state in states.items():
        place = f" {said['urls'][name]}, {PLACES[running.runtime]}" if running and name in said["urls"] else ""
        print(f"{name:11} {state}{place}")
    if (checked := journey.state.checked) is None:
        print("last check  none yet")
    else:
        went = f"{checked.met} of {checked.criteria} public criteria met"
        if checked.outcome != "graded":
            went = checked.outcome.replace("_", " ")
        print(f"last check  {checked.at:%Y-%m-%d %H:%M} UTC: {went}")
    if set(states.values()) - {"running"}:
        say("`assesskit start` brings the services up.")


def _said(running: Keeper | None) -> dict[str, Any]:
    """What the keeper tells of the services; if it does not answer, that is said, and the rest is told all the same."""
    nothing: dict[str, Any] = {"services": {}, "urls": {}}
    try:
        return running.ask("status") if running else nothing
    except AssesskitError as error:
        say(f"{error}\n  {error.hint}")
        return nothing


def _status(journey: Journey, now: datetime, states: dict[str, str], urls: dict[str, str]) -> dict[str, Any]:
    used = journey.used(now)
    return {
        "minutes": journey.state.minutes,
        "used_seconds": round(used.seconds),
        "running": used.running,
        "set_back": used.set_back,
        "services": states,
        "urls": urls,
        "checked": journey.state.checked.model_dump(mode="json") if journey.state.checked else None,
    }


@told
def stop(workspace: Workspace = Path()) -> None:
    """Stop the services, and the clock if your task allows that."""
    from assesskit.environment import down
    from assesskit.kits.journey import read_journey

    now = datetime.now(UTC)
    journey = read_journey(workspace).noted("stopped", now)
    ran = down(journey.folder.resolve())
    print("services    stopped" if ran else "services    none were running")
    print(f"time box    {_time(journey, now)}")


@told
def logs(
    service: Annotated[str, typer.Argument(help="The service; `assesskit status` names them.")],
    workspace: Folder = Path(),
) -> None:
    """Print what a service has said."""
    from assesskit.checks.evidence import clean

    if said := clean(keeping(workspace).ask("logs", service)["log"], 1_000_000):
        print(said, end="")
    else:
        print(f"{service} has said nothing", file=sys.stderr)


@told
def reset(
    service: Annotated[str, typer.Argument(help="The service; `assesskit status` names them.")],
    workspace: Folder = Path(),
) -> None:
    """Start a service anew: what it remembered is gone, its address stays."""
    keeping(workspace).ask("reset", service)
    print(f"{service:11} started anew")


def keeping(workspace: Path) -> Keeper:
    """Who keeps the services of a workspace. Raises UsageError when nobody does."""
    from assesskit.environment import keeper
    from assesskit.kits.journey import read_journey

    running = keeper(read_journey(workspace).folder.resolve())
    if running is None:
        raise UsageError("the services are not running", where=str(workspace), hint="`assesskit start` brings them up.")
    return running
