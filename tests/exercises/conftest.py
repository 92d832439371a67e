"""Runs the programs of an exercise as their Dockerfiles would: by the same command, from the environment alone."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EXERCISE = Path(__file__).parents[2] / "exercises" / "build-service"
KEYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEYS.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
SOON = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def token(scope: str = "orders:read orders:write", **claims: Any) -> str:
    right = {"iss": "https://gateway.test", "aud": "orders", "sub": "ann", "scope": scope, "exp": time.time() + 600}
    return jwt.encode({**right, **claims}, KEYS, algorithm="RS256")


@dataclass
class Program:
    """A program that runs; `environ` is all it gets besides a path to its interpreter."""

    folder: Path
    command: tuple[str, ...]
    environ: Mapping[str, str]
    ready_path: str
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environ['PORT']}"

    def start(self) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **self.environ},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + SOON
        while True:
            try:
                if requests.get(self.url + self.ready_path, timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            assert self.process.poll() is None, f"{self.folder.name} ended with {self.process.returncode}"
            assert time.monotonic() < until, f"{self.folder.name} is not ready"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """To the whole program, its workers included."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait(SOON)


@dataclass
class Orders:
    """A client of the orders service."""

    program: Program
    inventory: Program

    def create(self, key: str, payload: object, **headers: str) -> requests.Response:
        return self.send("POST", "/v1/orders", json=payload, headers={"Idempotency-Key": key, **headers})

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token()}", **options.pop("headers", {})}
        return requests.request(method, self.program.url + path, headers=headers, **{"timeout": 10, **options})

    def wait_until_claimed(self, key: str) -> None:
        """Until a request with this key is being worked on, which only the store knows."""
        with closing(sqlite3.connect(Path(self.program.environ["DATA_DIR"]) / "orders.sqlite3")) as store:
            until = time.monotonic() + SOON
            while not store.execute("SELECT 1 FROM keys WHERE key = ? AND claimed_until > 0", (key,)).fetchone():
                assert time.monotonic() < until, "the request did not arrive"
                time.sleep(0.01)

    def wait_until_turned_away(self) -> None:
        """Until new requests are refused, or wait at a door that nobody opens any more."""
        until = time.monotonic() + SOON
        with suppress(requests.RequestException):
            while time.monotonic() < until:
                requests.get(self.program.url + "/livez", timeout=0.3)
                time.sleep(0.01)
            pytest.fail("the service still takes requests")


class Launcher:
    """Starts programs; all of them are gone when the test is over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Program] = []

    def inventory(self, *command: str) -> Program:
        command = command or ("gunicorn", "-c", "gunicorn.conf.py", "inventory:create_app()")
        return self._started(EXERCISE / "services" / "inventory", command, {}, "/healthz")

    def orders(self, folder: Path = EXERCISE / "proof" / "reference", *, inventory: Sequence[str] = ()) -> Orders:
        there = self.inventory(*inventory)
        data = self._folder / f"data-{len(self._running)}"
        data.mkdir()
        environ = {
            "DATA_DIR": str(data),
            "INVENTORY_URL": there.url,
            "AUTH_PUBLIC_KEY": PUBLIC.decode(),
            "AUTH_ISSUER": "https://gateway.test",
            "AUTH_AUDIENCE": "orders",
        }
        command = ("gunicorn", "-c", "gunicorn.conf.py", "orders.app:create_app()")
        return Orders(self._started(folder, command, environ, "/readyz"), there)

    def starter(self) -> Program:
        return self._started(EXERCISE / "starter", ("python", "-m", "orders"), {}, "/livez")

    def close(self) -> None:
        for program in self._running:
            program.kill()

    def _started(self, folder: Path, command: tuple[str, ...], environ: Mapping[str, str], ready_path: str) -> Program:
        program = Program(folder, command, {"PORT": str(free_port()), **environ}, ready_path)
        self._running.append(program)
        program.start()
        return program


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path)
    try:
        yield launcher
    finally:
        launcher.close()


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    """The reference, shared by tests that leave it as it is."""
    launcher = Launcher(tmp_path_factory.mktemp("orders"))
    try:
        yield launcher.orders()
    finally:
        launcher.close()


@pytest.fixture(scope="session")
def mint() -> Any:
    """Make a token of the gateway's: (scope, **claims) -> str."""
    return token
