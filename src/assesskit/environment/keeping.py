"""The keeper's side: a pod with the services, and what is answered about them until the end."""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import requests

from assesskit import store
from assesskit.assess import new_run
from assesskit.content import Exercise
from assesskit.content.given import load_given
from assesskit.environment import MAX_LINE, RUNNING, UP, Keeper
from assesskit.environment.building import build
from assesskit.environment.door import NAME as DOOR
from assesskit.environment.door import Door
from assesskit.environment.routing import EVENTS, ROUTER, Routing, routable
from assesskit.environment.where import Where
from assesskit.errors import EngineError, UsageError
from assesskit.pods import Image, Pod, PodRuntime, Service
from assesskit.staging import Secrets, pod_spec, service_specs

READY_SECONDS = 30.0
RESET_SECONDS = 10.0
TRIES = 3
"""A port is free when it is chosen, and may be taken when the service comes to it: then others are chosen."""
LOOK_SECONDS = 2.0
LAST_WORDS = 400_000
"""Characters of a service's log that are told; escaped in JSON they are less than `MAX_LINE`."""
LONGEST = 30 * 24 * 3600.0
"""Seconds until somebody else may remove the pod though its keeper lives."""
_NO_GRADER = Image("", "")
"""Where there is no router: `staging` makes a specification for a grader all the same."""


class Reached(NamedTuple):
    """Where the services of a pod are reached: ports of this machine by name. `broken` says why they are no more.

    `by_hand`: the pod's own ports are this machine's, so that what somebody starts here is reached from within.
    """

    ports: Mapping[str, int]
    broken: Callable[[], str] = lambda: ""
    by_hand: bool = False


def reachable(exercise: Exercise) -> tuple[str, ...]:
    """What is reached from this machine: the services, and the router with its event bus."""
    return (*(asked.name for asked in exercise.spec.services), *((ROUTER, EVENTS) if routable(exercise) else ()))


class Keeping:
    """The services of an exercise in a pod that is open, reached at `urls`."""

    def __init__(self, exercise: Exercise, pod: Pod, images: Mapping[str, Image], reached: Reached) -> None:
        """Start every service, and wait until all are ready. Raises EngineError."""
        self.urls = {name: f"http://127.0.0.1:{reached.ports[name]}" for name in reachable(exercise)}
        self.ended = False
        self._reached = reached
        self._ready = {asked.name: self.urls[asked.name] + asked.ready_path for asked in exercise.spec.services}
        hidden = Secrets()
        specs = service_specs(exercise, {"grader": _NO_GRADER, **images}, pod, hidden, {})
        self._services = {name: pod.start(specs[name]) for name in self._ready}
        for name, service in self._services.items():
            _wait_ready(service, self._ready[name], READY_SECONDS, _somebody_waits)
        self._routing = Routing(exercise, pod, images, self._services, hidden) if routable(exercise) else None

    def answer(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked. What cannot be done is told as `wrong` (by who asks) or `failed`."""
        try:
            return self._answered(said)
        except UsageError as error:
            return {"wrong": error.what, "hint": error.hint}
        except EngineError as error:
            return {"failed": str(error)}

    def _answered(self, said: Mapping[str, Any]) -> dict[str, Any]:
        what, name = said.get("ask"), str(said.get("service", ""))
        if what == "end":
            self.ended = True
            return {}
        if what == "status":
            states = {key: self._state(each) for key, each in self._running.items()}
            return {"services": states, "urls": self.urls}
        if what == "route":
            return self._routed(said)
        known = self._running if what == "logs" else self._services
        service = known.get(name)
        if service is None:
            raise UsageError(f"no such service; there are: {', '.join(known) or 'none'}")
        if what == "logs":
            output = service.output()
            return {"log": (output.stdout + output.stderr).decode(errors="replace")[-LAST_WORDS:]}
        service.stop(2.0)
        service.start()
        _wait_ready(service, self._ready[name], RESET_SECONDS, lambda: True)
        return {}

    @property
    def _running(self) -> dict[str, Service]:
        """The services, and the router, which cannot be reset."""
        return {**self._services, **({ROUTER: self._routing.service} if self._routing else {})}

    def _routed(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Steer the router, if a mode is named, and tell where it leads."""
        if self._routing is None:
            raise UsageError("the task has no router")
        if mode := str(said.get("mode", "")):
            if mode != "monolith" and not self._reached.by_hand:
                what = "the router is in Docker, where a service that you run by hand cannot be reached"
                hint = "`assesskit start --runtime process` begins the services anew, as plain processes."
                raise UsageError(what, hint=hint)
            self._routing.steer(mode, float(said.get("percent", 0.0)))
        environment = self._routing.by_hand if self._reached.by_hand else {}
        return {"mode": self._routing.mode, "percent": self._routing.percent, "environment": environment}

    def _state(self, service: Service) -> str:
        try:
            ended = service.exit()
        except EngineError as error:  # an engine that was stopped takes all with it: that is what there is to tell
            return f"lost: {error}"
        if ended is not None:
            return f"ended with status {ended.status}"
        return f"lost: {broken}" if (broken := self._reached.broken()) else UP


def keep(order: Mapping[str, Any]) -> None:
    """Open the pod, say where everything is, and answer until the end. Raises EngineError if no service starts."""
    folder = Path(order["folder"])
    where = Where.model_validate(order["where"])
    exercise = load_given(folder / "content", order["slug"], order["seed"])
    runtime = where.opened()
    apart = runtime.check().isolated
    images = build(exercise, runtime, lambda _: None)
    for attempt in range(1, TRIES + 1):
        with _opened(exercise, runtime, images, apart=apart) as (pod, reached):
            try:
                keeping = Keeping(exercise, pod, images, reached)
            except EngineError:
                if attempt == TRIES:
                    raise
                continue
            _serve(folder, keeping, where.runtime)
            return


@contextmanager
def _opened(
    exercise: Exercise, runtime: PodRuntime, images: Mapping[str, Image], *, apart: bool
) -> Iterator[tuple[Pod, Reached]]:
    """A pod, and where its services are reached: on their own ports, or on those of a door."""
    spec = replace(pod_spec(exercise, new_run()), volumes={}, seconds=LONGEST)
    with runtime.open(spec) as pod:
        wanted = {name: pod.ports[name] for name in reachable(exercise)}
        if not apart:
            yield pod, Reached(wanted, by_hand=True)
            return
        with Door(pod, images[DOOR], wanted) as door:
            yield pod, Reached(door.ports, lambda: door.broken)


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


def _serve(folder: Path, keeping: Keeping, runtime: str) -> None:
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
            runtime=runtime,
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
