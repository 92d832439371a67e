"""What runs beside a candidate's work between commands: the exercise's services, ours and trusted, on loopback ports.

`start` builds them and leaves a keeper behind, a process of its own that opens a pod, waits until all are ready, and
answers other commands over a loopback socket until it is told to end. When the workspace goes away, so does it::

    .git/assesskit/keeper.json    who keeps them, where it listens, a token, the services' URLs
    .git/assesskit/keeper.log     what it said when it did not come up

The pods in which checks run have no way in from outside; these services are plain processes, and are never graded.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import requests
from filelock import FileLock
from pydantic import ValidationError

from assesskit import store
from assesskit.assess import new_run
from assesskit.content import Exercise
from assesskit.content.given import load_given
from assesskit.errors import EngineError, UsageError
from assesskit.model import Value
from assesskit.pods import Image, Pod, PodRuntime, Service
from assesskit.pods.port import OnLine
from assesskit.pods.process import ProcessRuntime
from assesskit.staging import Secrets, pod_spec, programs, service_specs

RUNNING = "keeper.json"
LOG = "keeper.log"
READY_SECONDS = 30.0
TRIES = 3
"""A port is free when it is chosen, and may be taken when the service comes to it: then others are chosen."""
ASK_SECONDS = 20.0
LOOK_SECONDS = 2.0
MAX_LINE = 4 * 1024 * 1024
LAST_WORDS = 400_000
"""Characters of a service's log that are told; escaped in JSON they are less than `MAX_LINE`."""
_NO_GRADER = Image("", "")
"""Nobody grades here; `staging` makes a specification for one all the same."""


class Keeper(Value):
    """The whole of keeper.json. `started` tells the process from a later one of the same number (seconds of the epoch).

    `folder` is the workspace's as the keeper knows it: after a move it is not there any more, and the keeper ends.
    `urls` are those of the services, by name.
    """

    folder: str
    pid: int
    started: float
    port: int
    token: str
    urls: dict[str, str]

    def lives(self) -> bool:
        """Whether the process is there."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1.0
        except psutil.NoSuchProcess:
            return False

    def ask(self, what: str, service: str = "") -> dict[str, Any]:
        """Ask for ``status``, ``logs``, ``reset`` or ``end``.

        Raises EngineError if it does not answer, UsageError for a service that is not there.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=ASK_SECONDS) as connection:
                connection.sendall(json.dumps({"token": self.token, "ask": what, "service": service}).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    answer: dict[str, Any] = json.loads(stream.readline(MAX_LINE))
        except (OSError, ValueError) as error:
            raise EngineError(f"the keeper of the services does not answer: {error}", hint=_RESTART) from error
        if "wrong" in answer:
            raise UsageError(answer["wrong"], where=service)
        if "failed" in answer:
            raise EngineError(answer["failed"], where=service, hint=_RESTART)
        return answer


_RESTART = "`assesskit stop`, then `assesskit start`, begins them anew."


def keeper(folder: Path) -> Keeper | None:
    """Who keeps the services of a workspace now, or None. `folder` is where the workspace keeps what it knows."""
    try:
        found = Keeper.model_validate_json((folder / RUNNING).read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None
    return found if found.folder == str(folder) and found.lives() else None


def build(exercise: Exercise, runtime: PodRuntime, on_line: OnLine) -> dict[str, Image]:
    """Build the services of an exercise. Raises EngineError, when packages cannot be fetched for one."""
    wanted = programs(exercise, exercise.folder, reference=False)
    return {service.name: runtime.build(wanted[service.name], on_line) for service in exercise.spec.services}


def up(folder: Path, exercise: Exercise, cache: Path, on_line: OnLine) -> Keeper:
    """Start the services unless they run, and return who keeps them. Raises EngineError, and leaves nothing running."""
    with FileLock(folder / "keeper.lock"):  # two terminals, one keeper
        if (running := keeper(folder)) is None:
            build(exercise, ProcessRuntime(cache=cache), on_line)
            running = _begin(folder, exercise, cache)
    return running


def _begin(folder: Path, exercise: Exercise, cache: Path) -> Keeper:
    """Start a keeper and wait until it says that all is up, or ends. It belongs to nobody: it outlives this command."""
    (folder / RUNNING).unlink(missing_ok=True)
    order = {"folder": str(folder), "slug": exercise.slug, "seed": exercise.variant.seed, "cache": str(cache)}
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
        psutil.Process(running.pid).kill()  # the services' supervisors see it, and end them
    (folder / RUNNING).unlink(missing_ok=True)
    return True


class Keeping:
    """The keeper's side: a pod with the services, and what is answered about them."""

    def __init__(self, exercise: Exercise, pod: Pod, images: Mapping[str, Image]) -> None:
        """Start every service, and wait until all are ready. Raises EngineError."""
        self.urls = {asked.name: f"http://127.0.0.1:{pod.ports[asked.name]}" for asked in exercise.spec.services}
        self.ended = False
        self._ready = {asked.name: self.urls[asked.name] + asked.ready_path for asked in exercise.spec.services}
        specs = service_specs(exercise, {**images, "grader": _NO_GRADER}, pod, Secrets(), {})
        self._services = {name: pod.start(specs[name]) for name in self.urls}
        for name, service in self._services.items():
            _wait_ready(service, self._ready[name], READY_SECONDS, _somebody_waits)

    def answer(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked. What cannot be done is told as `wrong` (by who asks) or `failed`."""
        what, name = said.get("ask"), str(said.get("service", ""))
        if what == "end":
            self.ended = True
            return {}
        if what == "status":
            return {"services": {key: _state(each) for key, each in self._services.items()}, "urls": self.urls}
        service = self._services.get(name)
        if service is None:
            return {"wrong": f"no such service; there are: {', '.join(self._services) or 'none'}"}
        if what == "logs":
            output = service.output()
            return {"log": (output.stdout + output.stderr).decode(errors="replace")[-LAST_WORDS:]}
        try:
            service.stop(2.0)
            service.start()
            _wait_ready(service, self._ready[name], ASK_SECONDS / 2, lambda: True)
        except EngineError as error:
            return {"failed": str(error)}
        return {}


def _state(service: Service) -> str:
    ended = service.exit()
    return "running" if ended is None else f"ended with status {ended.status}"


def keep(order: Mapping[str, Any]) -> None:
    """Open the pod, say where everything is, and answer until the end. Raises EngineError if no service starts."""
    folder = Path(order["folder"])
    exercise = load_given(folder / "content", order["slug"], order["seed"])
    runtime = ProcessRuntime(cache=Path(order["cache"]))
    images = build(exercise, runtime, lambda _: None)
    for attempt in range(1, TRIES + 1):
        with runtime.open(pod_spec(exercise, new_run())) as pod:
            try:
                keeping = Keeping(exercise, pod, images)
            except EngineError:
                if attempt == TRIES:
                    raise
                continue
            _serve(folder, keeping)
            return


def _wait_ready(service: Service, url: str, seconds: float, wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the environment has no business on loopback
        while time.monotonic() < until and wanted():
            if (ended := service.exit()) is not None:
                last = service.output().stderr.decode(errors="replace").strip().splitlines()
                raise EngineError(f"{service.name} ended with status {ended.status}: {last[-1] if last else ''}")
            with suppress(requests.RequestException):
                if session.get(url, timeout=2.0, allow_redirects=False).ok:
                    return
            time.sleep(0.05)
    raise EngineError(f"{service.name} is not ready at {url} after {seconds:g} s")


def _serve(folder: Path, keeping: Keeping) -> None:
    """Answer on a loopback port, to whoever knows the token, until the end or until the workspace is gone."""
    token = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LOOK_SECONDS)
        me = psutil.Process(os.getpid())
        said = Keeper(
            folder=str(folder),
            pid=me.pid,
            started=me.create_time(),
            port=server.getsockname()[1],
            token=token,
            urls=keeping.urls,
        )
        store.write(folder / RUNNING, said.model_dump_json().encode(), mode=0o600)
        _say_up(folder)
        while not keeping.ended and (folder / RUNNING).is_file():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                _converse(connection, token, keeping)


def _somebody_waits() -> bool:
    """Whether the command that started this still reads; poll(2) tells an error where nobody does."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def _say_up(folder: Path) -> None:
    """Tell who waits for it, on standard output, which is closed then. If nobody waits any more, all of it ends."""
    try:
        os.write(sys.stdout.fileno(), b"up\n")
    except BrokenPipeError as error:
        (folder / RUNNING).unlink()
        raise EngineError("whoever started the services has gone away") from error
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _converse(connection: socket.socket, token: str, keeping: Keeping) -> None:
    """One question, one answer. Whoever does not know the token, or says nothing in time, gets none."""
    connection.settimeout(LOOK_SECONDS)
    try:
        with connection.makefile("rwb") as stream:
            said = json.loads(stream.readline(MAX_LINE))
            if isinstance(said, dict) and secrets.compare_digest(str(said.get("token", "")), token):
                stream.write(json.dumps(keeping.answer(said)).encode() + b"\n")
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    if os.fork():  # its first process ends at once, so that nobody has to wait for the second
        os._exit(0)
    try:
        keep(json.loads(sys.argv[1]))
    except (EngineError, UsageError) as told:
        sys.exit(str(told))
