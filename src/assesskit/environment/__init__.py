"""What runs beside a candidate's work between commands: the exercise's services, ours and trusted, on loopback ports.

`start` builds them and leaves a keeper behind, a process of its own that opens a pod, waits until all are ready, and
answers other commands over a loopback socket until it is told to end. When the workspace goes away, so does it::

    .git/assesskit/keeper.json    who keeps them, where it listens, a token, the services' URLs and runtime
    .git/assesskit/keeper.log     what it said when it did not come up

`keeping` is the keeper's side. The pod is in Docker where an engine answers, and `door` leads into it; else it is of
plain processes. Nothing in it is ever graded: `check` has a pod of its own.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from pydantic import ValidationError

from assesskit.content import Exercise
from assesskit.environment.where import Where
from assesskit.errors import EngineError, UsageError
from assesskit.model import Value
from assesskit.pods.port import OnLine

__all__ = ["Keeper", "Where", "down", "keeper", "up"]

RUNNING = "keeper.json"
LOG = "keeper.log"
ASK_SECONDS = 20.0
MAX_LINE = 4 * 1024 * 1024
UP = "running"
"""What is told of a service that runs."""


class Keeper(Value):
    """The whole of keeper.json. `started` tells the process from a later one of the same number (seconds of the epoch).

    `folder` is the workspace's as the keeper knows it: after a move it is not there any more, and the keeper ends.
    `urls` are those of the services, by name, and `runtime` is where they run.
    """

    folder: str
    pid: int
    started: float
    port: int
    token: str
    runtime: str
    urls: dict[str, str]

    def lives(self) -> bool:
        """Whether the process is there."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1.0
        except psutil.NoSuchProcess:
            return False

    def ask(self, what: str, service: str = "", **more: Any) -> dict[str, Any]:
        """Ask for ``status``, ``logs``, ``reset``, ``route`` (with `mode` and `percent`) or ``end``.

        Raises EngineError if it does not answer, UsageError for a service that is not there.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ASK_SECONDS) as connection:
                connection.sendall(
                    json.dumps({**more, "token": self.token, "ask": what, "service": service}).encode() + b"\n"
                )
                with connection.makefile("rb") as stream:
                    answer: dict[str, Any] = json.loads(stream.readline(MAX_LINE))
        except (OSError, ValueError) as error:
            raise EngineError(f"the keeper of the services does not answer: {error}", hint=_RESTART) from error
        if "wrong" in answer:
            raise UsageError(answer["wrong"], where=service, hint=answer.get("hint", ""))
        if "failed" in answer:
            raise EngineError(answer["failed"], where=service, hint=_RESTART)
        return answer

    def all_up(self) -> bool:
        """Whether it answers, and every service runs."""
        try:
            return set(self.ask("status")["services"].values()) <= {UP}
        except EngineError:
            return False


_RESTART = "`assesskit stop`, then `assesskit start`, begins them anew."


def keeper(folder: Path) -> Keeper | None:
    """Who keeps the services of a workspace now, or None. `folder` is where the workspace keeps what it knows."""
    try:
        found = Keeper.model_validate_json((folder / RUNNING).read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None
    return found if found.folder == str(folder) and found.lives() else None


def up(folder: Path, exercise: Exercise, where: Where, on_line: OnLine, *, insist: bool = False) -> Keeper:
    """Start the services unless all of them run, and return who keeps them. How a build goes on is told to `on_line`.

    With `insist`, those that run in another runtime are started anew. Raises EngineError, and leaves nothing running.
    """
    from assesskit.environment.building import build

    with FileLock(folder / "keeper.lock"):  # two terminals, one keeper
        running = keeper(folder)
        if running is not None and (not running.all_up() or (insist and running.runtime != where.runtime)):
            down(folder)
            running = None
        if running is None:
            runtime = where.opened()
            runtime.reap()  # of a keeper that was killed, containers are left
            build(exercise, runtime, on_line)
            running = _begin(folder, exercise, where)
        return running


def _begin(folder: Path, exercise: Exercise, where: Where) -> Keeper:
    """Start a keeper and wait until it says that all is up, or ends. It belongs to nobody: it outlives this command."""
    (folder / RUNNING).unlink(missing_ok=True)
    order = {
        "folder": str(folder),
        "slug": exercise.slug,
        "seed": exercise.variant.seed,
        "where": where.model_dump(mode="json"),
    }
    command = [sys.executable, "-m", "assesskit.environment", json.dumps(order)]
    with (
        (folder / LOG).open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=folder.anchor,
        ) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()  # whatever it says, and also when it ends and says nothing
        running = keeper(folder)
    if running is None:
        last = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise EngineError(f"the services did not start: {last[-1] if last else 'no reason was given'}", hint=_RESTART)
    return running


def down(folder: Path) -> bool:
    """End the services; return whether any ran. Raises EngineError if they cannot be ended."""
    running = keeper(folder)
    if running is None:
        return False
    try:
        running.ask("end")
        psutil.Process(running.pid).wait(ASK_SECONDS)
    except psutil.NoSuchProcess:
        pass
    except (EngineError, psutil.TimeoutExpired):
        psutil.Process(running.pid).kill()  # processes end with it, containers at the next `reap`
    (folder / RUNNING).unlink(missing_ok=True)
    return True
