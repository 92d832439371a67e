"""A small shop in front of real relays: it does right what the checks of a system of programs look at, but for flaws.

Its till charges at ``payments`` and asks ``items`` what a kit costs, each behind a relay of its own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from assesskit.checks.http import Client
from assesskit.checks.journey import Journey
from assesskit.instruments.relay import Relay

LONGEST = 2.0
JOURNEY = Journey(
    path="/checkouts",
    mark="order",
    lines="lines",
    item="kit",
    count="quantity",
    names="KIT-{:06}",
    known=5000,
    timeout="X-Timeout-Ms",
    edges=("items", "payments"),
)


class LateError(Exception):
    """The caller's time is up."""


class Handler(BaseHTTPRequestHandler):
    """What is common to the shop and to what is behind it."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: object = None) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")

    def log_message(self, *_: object) -> None:
        pass


class Behind(Handler):
    """Answers everything with 200."""

    def do_GET(self) -> None:
        self.answer(200, {"pence": 100})

    def do_POST(self) -> None:
        self.body()
        self.answer(200, {})


class Shop:
    """Its flaws are words: see where they are asked for. To keep limits on each call is none."""

    def __init__(self, ports: dict[str, int], flaws: frozenset[str]) -> None:
        self._ports, self._flaws = ports, flaws
        self._room = threading.BoundedSemaphore(1 if "pool of one" in flaws else 64 if "no pool" in flaws else 8)
        self._lock = threading.Lock()
        self._loading: dict[str, Future[int]] = {}
        self._saved, self._dead_until = 5.0, 0.0
        self._pool = ThreadPoolExecutor(64)

    def check_out(self, wanted: dict[str, Any], timeout: str | None) -> int:
        longest = 30.0 if "waits for ever" in self._flaws else LONGEST
        until = time.monotonic() + (min(longest, int(timeout) / 1000) if timeout else longest)
        if "cuts short" in self._flaws:
            until = min(until, time.monotonic() + 1.0)
        if "deaf to deadlines" in self._flaws:
            until = time.monotonic() + longest
        try:
            kits = [line["kit"] for line in wanted["lines"]]
            if "one after the other" in self._flaws:
                for kit in kits:
                    self._price(kit, until)
            else:
                for one in [self._pool.submit(self._price, kit, until) for kit in kits]:
                    one.result()
            return 200 if self._charge(wanted["order"], until) else 503
        except LateError:
            return 504

    def _price(self, kit: str, until: float) -> None:
        if "stampede" in self._flaws:
            self._load(kit, until)
            return
        with self._lock:
            ours = kit not in self._loading
            loading = self._loading.setdefault(kit, Future())
        if ours:
            try:
                loading.set_result(self._load(kit, until))
            except LateError as late:
                loading.set_exception(late)
                raise
        else:
            loading.result(LONGEST)

    def _load(self, kit: str, until: float) -> int:
        with self._room:
            for _ in range(4 if "one by one" in self._flaws else 1):
                self._call("items", "GET", f"/items/{kit}", None, until)
        return 100

    def _charge(self, order: str, until: float) -> bool:
        tries = 1 if "no retries" in self._flaws else 9 if "a storm" in self._flaws else 2
        for attempt in range(tries):
            if time.monotonic() < self._dead_until:
                return False
            if self._call("payments", "POST", "/charges", {"order": order}, until) == 200:
                self._saved = min(5.0, self._saved + 0.2)
                return True
            self._saved -= 1
            if "stays away" in self._flaws:
                self._dead_until = time.monotonic() + 60
            if attempt + 1 == tries or (self._saved < 0 and "a storm" not in self._flaws):
                return False
        return False

    def _call(self, name: str, method: str, path: str, body: object, until: float) -> int:
        if (left := until - time.monotonic()) <= 0:
            raise LateError
        if "keeps limits" in self._flaws:
            left = min(left, 0.49)
        connection = HTTPConnection("127.0.0.1", self._ports[name], timeout=left)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            return connection.getresponse().status
        except TimeoutError:
            raise LateError from None
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()


class Served:
    """The shop as a check sees it."""

    name = "gateway"

    def __init__(self, port: int, relays: dict[str, Relay]) -> None:
        self.client = Client(port)
        self.relays = relays

    def send(self, request: Any, *, deadline: float = 10.0) -> Any:
        return self.client.send(request, deadline=deadline)


@contextmanager
def listening(handler: type[Handler]) -> Iterator[int]:
    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def shop() -> Iterator[Any]:
    """Open a shop with flaws; relays as ``shop(…).relays``."""
    with ExitStack() as stack:

        def opened(*flaws: str) -> Served:
            relays = {}
            for name, key in {"items": "path:2", "payments": "json:/order"}.items():
                relays[name] = Relay.start(name, 0, stack.enter_context(listening(Behind)), key)
                stack.callback(relays[name].stop)
            till = Shop({name: relay.port for name, relay in relays.items()}, frozenset(flaws))

            class Door(Handler):
                def do_POST(self) -> None:
                    self.answer(till.check_out(self.body(), self.headers.get("X-Timeout-Ms")))

            return Served(stack.enter_context(listening(Door)), relays)

        yield opened
