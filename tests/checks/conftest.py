"""A harness in miniature: it starts the real grader program and answers it, with plain processes as services."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.checks.keeping import collector, inventory, order, relay, running_relay, service
from tests.checks.served import contract, key, serve, tokens

__all__ = ["collector", "inventory", "order", "relay", "running_relay", "service"]
__all__ += ["contract", "key", "serve", "tokens"]  # fixtures for every test of this folder

NONCE = "n0nce"
HEALTHY = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if self.path in ("/readyz", "/livez") else 404
        body = json.dumps({"path": self.path}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        print(json.dumps({"path": self.path}), flush=True)

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@dataclass
class Process:
    """A service: a Python program that gets its PORT."""

    source: Path
    port: int
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.running is None or self.running.poll() is not None:
            with self.log.open("ab") as out:
                argv = [sys.executable, str(self.source)]
                self.running = subprocess.Popen(argv, env={"PORT": str(self.port)}, stdout=out, stderr=out)

    def status(self) -> dict[str, Any]:
        assert self.running is not None
        code = self.running.poll()
        if code is None:
            return {"running": True}
        return {"running": False, "status": code if code >= 0 else 128 - code, "oom": False}

    def wait(self, timeout: float) -> dict[str, Any]:
        until = time.monotonic() + timeout
        while self.status()["running"] and time.monotonic() < until:
            time.sleep(0.01)
        return self.status()

    def send(self, name: str) -> None:
        assert self.running is not None
        self.running.send_signal(getattr(signal, f"SIG{name}"))

    def end(self) -> None:
        if self.running is not None:
            self.running.kill()
            self.running.wait(10)


@dataclass
class Told:
    """Everything a grader said, in order."""

    messages: list[dict[str, Any]]
    stderr: str
    status: int

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def observation(self, test: str) -> dict[str, Any]:
        seen = [one["observation"] for one in self.of("observation")]
        [found] = [one for one in seen if one["check"].endswith(f"::{test}")]
        return dict(found)


@dataclass
class MiniHarness:
    """Runs the grader program over tests given as text, with one service and no instruments unless told."""

    folder: Path
    services: dict[str, Process] = field(default_factory=dict)

    def service(self, name: str, source: str) -> Process:
        path = self.folder / f"{name}.py"
        path.write_text(source)
        self.services[name] = Process(path, free_port(), self.folder / f"{name}.log")
        return self.services[name]

    def grade(self, files: dict[str, str], **changes: Any) -> Told:
        working = self.folder / "grader"
        for name, text in files.items():
            path = working / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        argv = [sys.executable, "-m", "assesskit.checks"]
        with (self.folder / "grader.err").open("wb") as errors:
            grader = subprocess.Popen(
                argv, cwd=working, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert grader.stdin is not None
        assert grader.stdout is not None
        messages = []
        with grader, grader.stdin, grader.stdout:
            grader.stdin.write(json.dumps(self.hello(files) | changes) + "\n")
            grader.stdin.flush()
            for line in grader.stdout:
                message = json.loads(line)
                assert message["nonce"] in (NONCE, "")
                if message["type"] != "control":
                    messages.append(message)
                    continue
                if message["action"] == "begin":
                    messages.append({"type": "begin", "criterion": message["criterion"], "check": message["check"]})
                grader.stdin.write(json.dumps(self.reply(message)) + "\n")
                grader.stdin.flush()
        return Told(messages, (self.folder / "grader.err").read_text(), grader.returncode)

    def hello(self, files: dict[str, str]) -> dict[str, Any]:
        services: dict[str, Any] = {name: {"port": one.port, "uid": None} for name, one in self.services.items()}
        services["submission"] |= {"ready_path": "/readyz", "ready_within": 5}
        return {
            "type": "hello",
            "seconds": 300.0,
            "nonce": NONCE,
            "run": "run",
            "services": services,
            "relays": [],
            "collector": None,
            "facts": {},
            "tests": sorted({name.partition("/")[0] for name in files}, reverse=True),
            "criteria": ["a.one", "a.two"],
        }

    def reply(self, message: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        one = self.services[message["service"] or "submission"]
        match message["action"]:
            case "begin":
                pass
            case "start":
                one.start()
            case "status":
                result = one.status()
            case "wait":
                result = one.wait(message["timeout"])
            case "signal":
                one.send(message["signal"])
            case "pause":
                one.send("STOP")
            case "resume":
                one.send("CONT")
            case "stop":
                one.send("TERM")
                one.wait(message["grace"])
                one.end()
                result = one.status()
            case "logs":
                result = {"stdout": one.log.read_text()[-message["limit"] :], "stderr": ""}
            case action:
                return {"type": "reply", "id": message["id"], "ok": False, "error": f"unknown {action}"}
        return {"type": "reply", "id": message["id"], "ok": True, "result": result}


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[MiniHarness]:
    mini = MiniHarness(tmp_path)
    yield mini
    for one in mini.services.values():
        one.end()


@pytest.fixture(scope="session")
def key_pem() -> str:
    """A private key, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@pytest.fixture
def healthy() -> str:
    """The source of a service that serves."""
    return HEALTHY


@pytest.fixture
def graded(harness: MiniHarness) -> Callable[..., Told]:
    """Grade a healthy service with the given test files (path -> text)."""
    harness.service("submission", HEALTHY)
    return harness.grade
