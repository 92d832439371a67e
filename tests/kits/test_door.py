"""The way into a pod that has none: connections over lines, whatever they carry, and however they end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.content import tiny

from assesskit import content
from assesskit.content import Exercise
from assesskit.environment.door import Door, program
from assesskit.errors import EngineError
from assesskit.pods import Image, Pod, PodSpec, ServiceSpec
from assesskit.pods.process import ProcessRuntime


class Service:
    """Something on loopback that answers as a test wants; the port is there before anybody asks."""

    def __init__(self, serve) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._serve = serve
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self._serve(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def flood(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(b"x" * 12_000_000)


def breaks_off(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture(scope="module")
def exercise(tmp_path_factory: pytest.TempPathFactory) -> Exercise:
    return content.load(tiny.build(tmp_path_factory.mktemp("root")), "tiny")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> ProcessRuntime:
    return ProcessRuntime(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def image(exercise: Exercise, runtime: ProcessRuntime) -> Image:
    return runtime.build(program(exercise), lambda _: None)


@pytest.fixture
def pod(runtime: ProcessRuntime) -> Iterator[Pod]:
    with runtime.open(PodSpec("run", ports=())) as pod:
        yield pod


@pytest.fixture
def services() -> Iterator[dict[str, Service]]:
    there = {"echo": Service(echo), "flood": Service(flood), "breaks": Service(breaks_off)}
    yield there
    for service in there.values():
        service.close()


@pytest.fixture
def door(pod: Pod, image: Image, services: dict[str, Service]) -> Iterator[Door]:
    with Door(pod, image, {name: service.port for name, service in services.items()} | {"nobody": 9}) as door:
        yield door


def connected(door: Door, name: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", door.ports[name]), timeout=10)


def read(connection: socket.socket) -> bytes:
    got = b""
    while data := connection.recv(65536):
        got += data
    return got


def over(connection: socket.socket) -> bool:
    """Whether it ends, or is reset, and nothing comes."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_what_is_sent_comes_back_and_an_end_is_passed_on(door: Door) -> None:
    """Bytes of every value, more than a window of them; that nothing more comes is told in both directions."""
    sent = bytes(range(256)) * 8192
    with connected(door, "echo") as connection:

        def send() -> None:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        assert read(connection) == sent
        thread.join()


def test_connections_do_not_mix(door: Door) -> None:
    """Twenty at once, each with words of its own."""
    open_ = [connected(door, "echo") for _ in range(20)]
    for number, connection in enumerate(open_):
        connection.sendall(f"I am {number}".encode())
    for number, connection in reversed(list(enumerate(open_))):
        assert connection.recv(100) == f"I am {number}".encode()
        connection.close()


def test_one_that_nobody_reads_holds_up_no_other(door: Door) -> None:
    """A service sends twelve megabytes to somebody who looks away: the others go on, and the bytes wait in the pod."""
    with connected(door, "flood") as slow, connected(door, "echo") as quick:
        slow.sendall(b"!")
        for _ in range(50):
            quick.sendall(b"hello")
            assert quick.recv(5) == b"hello"
        assert len(read(slow)) == 12_000_000


def test_where_nobody_listens_and_where_one_breaks_off_the_connection_ends(door: Door) -> None:
    """It is reset, as it would be without a door, and the next one is served."""
    for name in ("nobody", "breaks"):
        with connected(door, name) as connection:
            connection.sendall(b"!")
            assert over(connection)
    with connected(door, "echo") as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_only_what_was_asked_for_is_reached(pod: Pod, image: Image, services: dict[str, Service]) -> None:
    """A far end leads to the ports it was told at its start, whatever comes over its lines."""
    env = {"PORTS": str(services["echo"].port)}
    channel = pod.start(ServiceSpec("far", "dependency", image, env=env, interactive=True)).channel
    heard = channel.lines(10)
    assert json.loads(next(heard)) == []
    channel.send(json.dumps([{"id": 1, "to": services["flood"].port}]).encode())
    assert json.loads(next(heard)) == [{"id": 1, "lost": True}]
    channel.send(json.dumps([{"id": 2, "to": services["echo"].port}, {"id": 2, "data": "aGVsbG8="}]).encode())
    words: list[dict[str, object]] = []
    while not any("data" in word for word in words):
        words += json.loads(next(heard))
    assert {"id": 2, "data": "aGVsbG8="} in words


def test_a_far_end_that_ended_is_followed_by_another(door: Door, pod: Pod) -> None:
    """What was open then is lost; addresses stay."""
    with connected(door, "echo") as connection:
        connection.sendall(b"one")
        assert connection.recv(3) == b"one"
        time.sleep(1.1)
        pod._services["door-1"].kill()  # type: ignore[attr-defined]
        assert over(connection)
    until = time.monotonic() + 20
    while True:
        try:
            with connected(door, "echo") as connection:
                connection.sendall(b"two")
                if connection.recv(3) == b"two":
                    break
        except ConnectionError:
            assert time.monotonic() < until
        time.sleep(0.05)
    assert "door-2" in pod._services  # type: ignore[attr-defined]


def test_a_far_end_that_cannot_be_there_is_told(pod: Pod, image: Image, tmp_path: Path) -> None:
    """No door is opened over nothing, and nobody tries for ever."""
    with pytest.raises(EngineError, match="invalid literal"), Door(pod, image, {"echo": "no port"}):  # type: ignore[dict-item]
        pass
