"""The services beside a candidate's work: one keeper for a workspace, which tries other ports and ends with it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import cast

import psutil
import pytest
from tests.content import tiny
from tests.kits.conftest import NOW

from assesskit import content
from assesskit.content.given import load_given
from assesskit.environment import Keeper, Where, down, keeper, up
from assesskit.environment.keeping import Keeping, Reached, _converse
from assesskit.environment.routing import Routing
from assesskit.errors import EngineError, UsageError
from assesskit.kits.inviting import Invitation, invite
from assesskit.kits.journey import Journey, begin
from assesskit.kits.kit import open_kit
from assesskit.pods import PodSpec, Program, ServiceSpec
from assesskit.pods.docker.engine import OWNER
from assesskit.pods.fake import FakeRuntime, idle

FOLDER = "exercises/tiny/services/stock"
DOCKERFILE = 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /app\nCOPY . .\nCMD ["python", "serve.py"]\n'
SERVE = """
import http.server, os, pathlib, socket, sys
taken = pathlib.Path({taken!r})
if not taken.exists():
    taken.write_text(os.environ["PORT"])
    sys.exit("OSError: [Errno 98] Address already in use")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            os._exit(3)
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def journey(tmp_path: Path, signer) -> Journey:
    """A workspace whose service finds its port taken the first time."""
    program = {
        f"{FOLDER}/Dockerfile": DOCKERFILE,
        f"{FOLDER}/serve.py": SERVE.format(taken=str(tmp_path / "taken")),
    }
    exercise = content.load(tiny.build(tmp_path / "root", program), "tiny")
    (tmp_path / "kit.zip").write_bytes(invite(exercise, Invitation("C-1", None, "0" * 16), signer, now=NOW)[1])
    return begin(open_kit(tmp_path / "kit.zip"), tmp_path / "work", now=NOW)


def here(tmp_path: Path) -> Where:
    return Where(runtime="process", cache=tmp_path / "cache")


def gone(running: Keeper) -> bool:
    until = time.monotonic() + 10
    while running.lives():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_a_taken_port_is_exchanged_and_two_terminals_share_a_keeper(journey: Journey, tmp_path: Path) -> None:
    """The service comes up on another port; starting it twice at once gives one keeper, and stopping it none."""
    found: list[Keeper] = []

    def start() -> None:
        found.append(up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None))

    terminals = [threading.Thread(target=start) for _ in range(2)]
    for terminal in terminals:
        terminal.start()
    for terminal in terminals:
        terminal.join(60)
    try:
        assert len({one.pid for one in found}) == 1
        port = int(found[0].urls["stock"].rpartition(":")[2])
        assert port != int((tmp_path / "taken").read_text())
        assert found[0].ask("status")["services"] == {"stock": "running"}
        assert (journey.folder / "keeper.json").stat().st_mode & 0o777 == 0o600
    finally:
        assert down(journey.folder)
    assert gone(found[0])
    assert not down(journey.folder)


def test_the_keeper_ends_with_its_workspace_and_after_a_move(journey: Journey, tmp_path: Path) -> None:
    """Nothing stays behind a workspace that was thrown away; one that was moved has no services until it is started."""
    (tmp_path / "taken").touch()
    running = up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None)
    services = psutil.Process(running.pid).children(recursive=True)
    moved = Path(shutil.move(journey.workspace, tmp_path / "moved"))
    assert keeper(moved / ".git" / "assesskit") is None
    assert gone(running)
    assert psutil.wait_procs(services, timeout=10)[1] == []


def test_a_start_that_was_interrupted_leaves_nothing_running(signer, tmp_path: Path) -> None:
    """Ctrl-C while a service takes its time: the keeper and the service end, the workspace stays."""
    slow = "import os, pathlib, time\npathlib.Path({0!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    program = {
        f"{FOLDER}/Dockerfile": DOCKERFILE,
        f"{FOLDER}/serve.py": slow.format(str(tmp_path / "pid")),
    }
    exercise = content.load(tiny.build(tmp_path / "slow", program), "tiny")
    (tmp_path / "slow.zip").write_bytes(invite(exercise, Invitation("C-2", None, "1" * 16), signer, now=NOW)[1])
    command = [sys.executable, "-m", "assesskit.cli", "start", "slow.zip", "slow-work", "--runtime", "process"]
    env = os.environ | {"ASSESSKIT_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as started:
        until = time.monotonic() + 60
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        service = psutil.Process(int((tmp_path / "pid").read_text()))
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 130
    assert psutil.wait_procs([service], timeout=15)[1] == []
    assert (tmp_path / "slow-work" / "README.md").is_file()
    assert keeper(tmp_path / "slow-work/.git/assesskit") is None


def test_whoever_does_not_know_the_token_is_told_nothing(journey: Journey, tmp_path: Path) -> None:
    """Other programs of the machine reach the port: they get no answer, and the keeper goes on."""
    (tmp_path / "taken").touch()
    running = up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None)
    try:
        stranger = running.model_copy(update={"token": "0" * 32})
        with pytest.raises(EngineError, match="does not answer"):
            stranger.ask("end")
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(UsageError, match="no such service; there are: stock"):
            running.ask("logs", "store")
        assert running.ask("status")["services"] == {"stock": "running"}
    finally:
        down(journey.folder)


def asked(running: Keeper, path: str) -> str | None:
    """What the service answers; None if it breaks off."""
    try:
        with urllib.request.urlopen(running.urls["stock"] + path, timeout=10) as response:
            return str(response.read().decode())
    except (OSError, http.client.HTTPException):
        return None


def test_a_service_that_ended_is_told_and_begun_anew(journey: Journey, tmp_path: Path) -> None:
    """`status` says how it ended; the next start leaves no dead service standing."""
    (tmp_path / "taken").touch()
    first = up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None)
    assert up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None) == first
    try:
        assert asked(first, "/end") is None
        until = time.monotonic() + 10
        while first.ask("status")["services"]["stock"] == "running" and time.monotonic() < until:
            time.sleep(0.05)
        assert first.ask("status")["services"] == {"stock": "ended with status 3"}
        second = up(journey.folder, journey.exercise(), here(tmp_path), lambda _: None)
        assert second.pid != first.pid
        assert gone(first)
        assert second.ask("status")["services"] == {"stock": "running"}
    finally:
        down(journey.folder)


def test_an_engine_that_goes_away_is_told_of_each_service(tmp_path: Path) -> None:
    """Stopped in the middle, it takes the services along: they are lost, and the keeper says so and stays."""
    runtime = FakeRuntime(services={"stock": idle})
    image = runtime.build(Program("stock", tmp_path, tmp_path), lambda _: None)
    pod = runtime.open(PodSpec("run", ports=("stock",)))
    keeping = Keeping.__new__(Keeping)
    keeping.urls, keeping._ready = {"stock": "http://127.0.0.1:9"}, {"stock": "http://127.0.0.1:9/"}
    broken = ""
    keeping._reached, keeping._routing = Reached({}, lambda: broken), None
    keeping._services = {"stock": pod.start(ServiceSpec("stock", "dependency", image))}
    assert keeping.answer({"ask": "status"})["services"] == {"stock": "running"}
    broken = "the door is gone"
    assert keeping.answer({"ask": "status"})["services"] == {"stock": "lost: the door is gone"}
    runtime.die()
    assert keeping.answer({"ask": "status"})["services"]["stock"].startswith("lost: ")
    assert "failed" in keeping.answer({"ask": "logs", "service": "stock"})
    assert "failed" in keeping.answer({"ask": "reset", "service": "stock"})


def test_a_router_in_docker_says_how_to_have_it_elsewhere() -> None:
    """Nothing that somebody runs by hand is reached from within a pod: what to do instead travels with the answer."""
    keeping = Keeping.__new__(Keeping)
    keeping._reached, keeping._routing = Reached({}), cast("Routing", object())
    running = Keeper(folder="", pid=os.getpid(), started=0, port=1, token="t", runtime="docker", urls={})
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                _converse(connection, running.token, keeping)

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(UsageError, match="the router is in Docker") as refused:
            running.model_copy(update={"port": server.getsockname()[1]}).ask("route", mode="shadow", percent=10.0)
        serving.join()
    assert "`assesskit start --runtime process`" in refused.value.hint


@pytest.mark.docker
def test_in_docker_the_services_are_reached_and_nothing_is_published(
    journey: Journey, tmp_path: Path, docker_runtime
) -> None:
    """On a port of this machine's loopback, over a reset and after the keeper was killed; the pod keeps its walls."""
    base = os.environ.get("ASSESSKIT_BASE_IMAGE", "python:3.12-slim")
    docker = Where(runtime="docker", cache=tmp_path / "cache", base_image=base)
    serve = journey.folder / "content" / FOLDER / "serve.py"
    serve.write_text(serve.read_text().replace("if not taken.exists():", "if False:"))
    exercise = load_given(journey.folder / "content", "tiny", None)
    plain = up(journey.folder, exercise, here(tmp_path), lambda _: None)
    assert up(journey.folder, exercise, docker, lambda _: None) == plain, "what runs is left alone unless one insists"
    running = up(journey.folder, exercise, docker, lambda _: None, insist=True)
    try:
        assert gone(plain)
        assert (running.runtime, asked(running, "/")) == ("docker", "")
        running.ask("reset", "stock")
        assert asked(running, "/") == ""
        os.kill(running.pid, signal.SIGKILL)
        assert gone(running)
        again = up(journey.folder, exercise, docker, lambda _: None)
        assert asked(again, "/") == ""
        api = docker_runtime._engine.api
        pods = [each for each in api.containers(filters={"label": "assesskit.role"}) if each["Labels"].get(OWNER)]
        own = [each for each in pods if f":{again.pid}:" in each["Labels"][OWNER]]
        assert {each["Labels"]["assesskit.role"] for each in own} == {"pause", "dependency"}
        assert all(not each["Ports"] for each in own)
        pause = next(each for each in own if each["Labels"]["assesskit.role"] == "pause")
        assert api.inspect_container(pause["Id"])["HostConfig"]["NetworkMode"] == "none"
        assert [each for each in pods if f":{running.pid}:" in each["Labels"][OWNER]] == []
    finally:
        down(journey.folder)
    assert [each for each in api.containers(all=True) if f":{again.pid}:" in each["Labels"].get(OWNER, "")] == []
