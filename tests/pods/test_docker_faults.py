"""What happens when the engine or the harness dies in the middle."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assesskit.errors import EngineError, RuntimeUnavailableError
from assesskit.pods import Image, PodSpec, ServiceSpec
from assesskit.pods.docker import DockerRuntime

pytestmark = [
    pytest.mark.docker,
    # docker's client drops the connection of a request that it could not finish because the engine is gone
    pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"),
]

BASE = os.environ.get("ASSESSKIT_BASE_IMAGE", "python:3.12-slim")
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
DIES = """
import os, sys
from pathlib import Path
from assesskit.pods import Image, PodSpec, ServiceSpec
from assesskit.pods.docker import DockerRuntime
runtime = DockerRuntime(sys.argv[1], cache=Path(sys.argv[2]))
pod = runtime.open(PodSpec("orphaned", ("one",), {"data": 1}))
image = Image(sys.argv[1], "")
pod.start(ServiceSpec("a", "submission", image, command=("sleep", "600"), volume="data", files={"a": b""}))
os.kill(os.getpid(), 9)
"""


class Proxy:
    """The engine's socket at another path, until it is cut: then every connection through it breaks."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = self._spawn(self._accept)

    def _spawn(self, target: Any, *args: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            self._open += [client, engine]
            self._threads += [self._spawn(self._copy, client, engine), self._spawn(self._copy, engine, client)]

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def cut(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in [self._server, *self._open]:
            each.close()


@pytest.fixture
def behind_proxy(tmp_path, monkeypatch, docker_runtime):
    """A runtime whose engine can be cut off; what it leaves is removed over the real one."""
    proxy = Proxy(tmp_path / "engine.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{proxy.path}")
    runtime = DockerRuntime(BASE, cache=tmp_path, client_timeout=5)
    pods: list[Any] = []
    yield runtime, proxy, pods
    proxy.cut()
    for pod in pods:
        docker_runtime._engine.remove(pod._id)
    del runtime
    pods.clear()
    gc.collect()


def spec(name: str = "a", **how: Any) -> ServiceSpec:
    return ServiceSpec(name, "grader", Image(BASE, ""), command=("sleep", "600"), **how)


@pytest.mark.parametrize(
    "ask",
    [
        lambda pod, service: service.exit(),
        lambda pod, service: service.wait(5),
        lambda pod, service: service.signal("TERM"),
        lambda pod, service: service.stop(1),
        lambda pod, service: service.start(),
        lambda pod, service: service.output(),
        lambda pod, service: service.usage(),
        lambda pod, service: next(service.channel.lines(5), None),
        lambda pod, service: service.channel.send(b"hello"),
        lambda pod, service: pod.start(spec("b")),
        lambda pod, service: pod.close(),
    ],
    ids=["exit", "wait", "signal", "stop", "start", "output", "usage", "lines", "send", "pod.start", "pod.close"],
)
def test_an_engine_that_goes_away_in_the_middle_is_an_engine_error(behind_proxy, ask):
    runtime, proxy, pods = behind_proxy
    pods.append(runtime.open(PodSpec("cut", ())))
    service = pods[0].start(spec(interactive=True))
    proxy.cut()
    with pytest.raises(EngineError):
        ask(pods[0], service)
    service.detach()


def test_a_wait_under_way_ends_when_the_engine_goes_away(behind_proxy):
    runtime, proxy, pods = behind_proxy
    pods.append(runtime.open(PodSpec("cut", ())))
    service = pods[0].start(spec())
    cutter = threading.Timer(0.3, proxy.cut)
    cutter.start()
    with pytest.raises(EngineError):
        service.wait(60)
    cutter.join()


def test_no_engine_at_the_address_is_unavailable_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/closed.sock")
    with pytest.raises(RuntimeUnavailableError, match="no Docker engine answers") as caught:
        DockerRuntime(BASE, cache=tmp_path).check()
    assert "DOCKER_HOST" in caught.value.hint


def test_an_engine_without_the_base_image_is_unavailable_and_says_what_to_do(docker_runtime, tmp_path):
    with pytest.raises(RuntimeUnavailableError, match="assesskit-no-such:1") as caught:
        DockerRuntime("assesskit-no-such:1", cache=tmp_path).check()
    assert "docker pull assesskit-no-such:1" in caught.value.hint


def test_an_engine_that_stalls_is_an_engine_error_within_the_timeout(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "stalled.sock"))
        server.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/stalled.sock")
        with pytest.raises(EngineError, match="timed out"):
            DockerRuntime(BASE, cache=tmp_path, client_timeout=1).open(PodSpec("stalled", ()))


def test_a_pod_that_cannot_be_opened_leaves_nothing(docker_runtime, tmp_path):
    with pytest.raises(EngineError):
        DockerRuntime("assesskit-no-such:1", cache=tmp_path).open(PodSpec("unopened", (), {"data": 1}))
    assert left_of(docker_runtime, "unopened") == []


def test_what_a_killed_harness_left_is_removed_at_once(docker_runtime, tmp_path):
    done = subprocess.run([sys.executable, "-c", DIES, BASE, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert left_of(docker_runtime, "orphaned")
    assert "orphaned" in docker_runtime.reap()
    assert left_of(docker_runtime, "orphaned") == []


def test_a_pod_past_its_deadline_is_removed_even_if_its_harness_lives(docker_runtime):
    with docker_runtime.open(PodSpec("late", (), seconds=1)) as pod:
        pod.start(spec())
        time.sleep(1.5)
        assert "late" in docker_runtime.reap()
        assert left_of(docker_runtime, "late") == []


@pytest.mark.parametrize(
    "forged", [{"assesskit.deadline": "soon"}, {"assesskit.deadline": "9e9", "assesskit.owner": "::"}]
)
def test_labels_like_ours_that_somebody_else_wrote_do_not_stop_the_reaper(docker_runtime, forged):
    """A Dockerfile can put labels on the containers of its build."""
    api = docker_runtime._engine.api
    made = api.create_container(BASE, ["true"], labels={"assesskit": "1", "assesskit.pod": "forged", **forged})
    try:
        assert "" not in docker_runtime.reap()
        assert api.inspect_container(made["Id"])["State"]["Status"] == "created"
    finally:
        docker_runtime._engine.discard(made["Id"])


def test_a_pod_before_its_deadline_is_spared(docker_runtime):
    with docker_runtime.open(PodSpec("early", (), seconds=600)):
        assert "early" not in docker_runtime.reap()
        assert left_of(docker_runtime, "early")


def left_of(runtime: Any, run: str) -> list[Any]:
    api, only = runtime._engine.api, {"label": f"assesskit.run={run}"}
    found: list[Any] = api.containers(all=True, filters=only) + (api.volumes(filters=only)["Volumes"] or [])
    return found
