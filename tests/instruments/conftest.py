from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from assesskit.instruments.collector import Collector
from assesskit.instruments.relay import Relay


class Target(ThreadingHTTPServer):
    """A dependency: answers every request with what it was sent, and remembers it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Echo)


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Target
    statuses: ClassVar[dict[str, int]] = {"GET": 200, "HEAD": 200, "POST": 201, "DELETE": 204}

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {
            "at": time.monotonic(),
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode(),
        }
        self.server.seen.append(seen)
        answer = json.dumps({"you sent": seen["body"]}).encode()
        self.send_response(self.statuses[self.command])
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        if self.command != "DELETE":
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command not in {"DELETE", "HEAD"}:
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  http.server's names

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Target]:
    """Serve a target of its own."""
    server = Target()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="package")
def relayed() -> Iterator[tuple[Relay, Target]]:
    with serving() as target:
        relay = Relay.start("inventory", 0, target.server_port, "json:/sku")
        yield relay, target
        relay.stop()


@pytest.fixture
def relay(relayed: tuple[Relay, Target]) -> Relay:
    """A relay that knows nothing yet; its program is shared."""
    relay, target = relayed
    relay.reset()
    relay.clear()
    target.seen.clear()
    return relay


@pytest.fixture
def target(relayed: tuple[Relay, Target]) -> Target:
    return relayed[1]


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    collector = Collector.start(0, {"token-a": "submission", "token-b": "reference"})
    yield collector
    collector.stop()
