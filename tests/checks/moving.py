"""A monolith and a service that takes over one of its contexts, both small and real, with the flaws a test asks for."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

Answer = tuple[int, Mapping[str, str], bytes]
JSON = {"Content-Type": "application/json"}


class Handler(BaseHTTPRequestHandler):
    server: Serving

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answer(self.command, self.path, headers, body)
        if isinstance(answer, tuple):
            status, fields, content = answer
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            answer(self.wfile.write)
            self.close_connection = True

    do_GET = do_POST = do_HEAD = handle_any  # noqa: N815  the names of the standard library

    def log_message(self, *args: object) -> None:
        pass


class Serving(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    answer: Callable[[str, str, Mapping[str, str], bytes], Answer | Callable[[Callable[[bytes], object]], object]]

    def handle_error(self, *args: object) -> None:
        """A client that leaves is no error of ours."""


@contextmanager
def serving(answer: Any) -> Iterator[int]:
    """Serve a function until the end; yields the port."""
    with Serving(("127.0.0.1", 0), Handler) as server:
        server.answer = answer
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def said(status: int, body: object, **headers: str) -> Answer:
    return status, {**JSON, **headers}, json.dumps(body).encode()


LAG = 0.3
"""Seconds until a service that lags knows of a change."""


class Invoices:
    """Invoices by id, and what was changed in order."""

    def __init__(self, prefix: str) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.changes: list[tuple[float, dict[str, Any]]] = []
        self.lock = threading.RLock()
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def made(self, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new invoice that is not stored yet."""
        total = sum(line["amount"] for line in asked["lines"])
        number = f"{self._prefix}{next(self._numbers)}"
        return {
            "id": number,
            "account": account,
            "total": total,
            "lines": asked["lines"],
            "status": "open",
            "note": None,
            "sequence": 1,
        }

    def put(self, row: dict[str, Any]) -> None:
        with self.lock:
            self.rows[row["id"]] = row
            self.changes.append((time.monotonic(), row))

    def shown(self, path: str, account: str) -> Answer:
        parts = urlsplit(path)
        number = parts.path.removeprefix("/v1/invoices").strip("/")
        with self.lock:
            if number:
                row = self.rows.get(number)
                return said(200, row, ETag=f'"{row["sequence"]}"') if row else said(404, {"title": "unknown"})
            wanted = parse_qs(parts.query).get("account", [account])[0]
            return said(200, {"items": [row for row in self.rows.values() if row["account"] == wanted]})


class Monolith:
    """The one that has been there for years. It tells what was changed, and takes what the service did."""

    def __init__(self) -> None:
        self.invoices = Invoices("m")
        self.applied: set[str] = set()
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.flaws: set[str] = set()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.seen.append((method, path, headers))
        if "fails" in self.flaws:
            return said(500, {})
        if path == "/internal/events":
            event = json.loads(body)
            self.apply(event)
            return 204, {}, b""
        if not path.startswith("/v1/invoices"):
            return said(200, {"by": "monolith"})
        account = headers.get("x-account", "")
        if method in {"GET", "HEAD"}:
            return self.invoices.shown(path, account)
        if path.endswith("/pay"):
            return paid(self.invoices, path, self.invoices.put)
        row = self.invoices.made(account, json.loads(body))
        self.invoices.put(row)
        return said(201, row)

    def apply(self, event: Mapping[str, Any]) -> None:
        with self.invoices.lock:
            row = event["data"]
            known = self.invoices.rows.get(row["id"], {"sequence": 0})
            if event["id"] not in self.applied and row["sequence"] > known["sequence"]:
                self.applied.add(event["id"])
                self.invoices.rows[row["id"]] = row


def paid(invoices: Invoices, path: str, put: Callable[[dict[str, Any]], object]) -> Answer:
    number = path.split("/")[3]
    with invoices.lock:
        row = invoices.rows.get(number)
        if row is None:
            return said(404, {"title": "unknown"})
        if row["status"] == "paid":
            return said(409, {"title": "paid already"})
        row = {**row, "status": "paid", "sequence": row["sequence"] + 1}
        put(row)
        return said(200, row)


class Service:
    """The new one: follows the monolith's changes, and sends an event for each of its own by an outbox."""

    def __init__(self, monolith: Monolith, sink: int | None, *flaws: str) -> None:
        self.invoices = Invoices("s")
        self.flaws = set(flaws)
        self.modes: list[tuple[str, str]] = []
        self.traces: list[str] = []
        self._monolith = monolith
        self._position = 0
        self._unknown = ("", 0.0)
        self._sink = sink
        self._outbox: list[dict[str, Any]] = []
        self._sending = threading.Event()
        self._stopped = threading.Event()

    @contextmanager
    def sending(self) -> Iterator[None]:
        thread = threading.Thread(target=self._send, daemon=True)
        thread.start()
        yield
        self._stopped.set()
        self._sending.set()
        thread.join(5)

    def told_all(self, within: float) -> bool:
        """Wait until everything is sent."""
        until = time.monotonic() + within
        while self._outbox and time.monotonic() < until:
            time.sleep(0.01)
        return not self._outbox

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | Callable[[Callable[[bytes], object]], object]:
        mode = headers.get("rollout-mode", "")
        self.modes.append((mode, method))
        self.traces.append(headers.get("traceparent", ""))
        if hostile := HOSTILE.keys() & self.flaws:
            return HOSTILE[hostile.pop()]
        if "slow" in self.flaws:
            time.sleep(0.3)
        if "hiccups" in self.flaws:
            self.flaws.discard("hiccups")
            time.sleep(1.0)
        if "fails" in self.flaws:
            return said(500, {})
        self._follow()
        account = headers.get("x-account", "")
        if method in {"GET", "HEAD"}:
            if "stands-back" in self.flaws:  # what is read first it does not know for a second
                self._unknown = self._unknown if self._unknown[0] else (path, time.monotonic() + 1.0)
                if path == self._unknown[0] and time.monotonic() < self._unknown[1]:
                    return said(404, {"title": "unknown"})
            status, fields, content = self.invoices.shown(path, account)
            return status, fields, self._rounded(content)
        put = self._put if mode == "live" else lambda row: None
        if path.endswith("/pay"):
            return paid(self.invoices, path, put)
        row = self.invoices.made(account, json.loads(body))
        put(row)
        status, fields, content = said(201, row)
        return status, fields, self._rounded(content)

    def _rounded(self, content: bytes) -> bytes:
        """Lost minor units; or another answer each time."""
        if "wavers" in self.flaws:
            return json.dumps({**json.loads(content), "at": time.monotonic_ns()}).encode()
        if "rounds" not in self.flaws:
            return content
        return json.dumps(_rounded(json.loads(content))).encode()

    def _put(self, row: dict[str, Any]) -> None:
        with self.invoices.lock:
            self.invoices.put(row)
            self._emit(row, row["status"])

    def _follow(self) -> None:
        known = time.monotonic() - (LAG if "lags" in self.flaws else 0.0)
        with self.invoices.lock:
            for at, row in self._monolith.invoices.changes[self._position :]:
                if at > known:
                    break
                self.invoices.rows[row["id"]] = row
                self._position += 1

    def _emit(self, row: Mapping[str, Any], what: str) -> None:
        if "forgets" in self.flaws and row["sequence"] > 1:
            return
        event = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/invoices",
            "type": f"invoice.{what}.v1",
            "subject": row["id"],
            "sequence": str(row["sequence"]),
            "datacontenttype": "application/json",
            "dataschema": "https://example.com/events/invoice.v1.schema.json",
            "time": "2026-01-02T03:04:05Z",
            "data": row,
        }
        self._outbox.append(event)
        self._sending.set()

    def _send(self) -> None:
        while not self._stopped.is_set():
            self._sending.wait(0.2)
            self._sending.clear()
            while self._outbox and not self._stopped.is_set():
                at = -1 if "newest-first" in self.flaws else 0
                event = self._outbox[at]
                if "new-ids" in self.flaws:
                    event = {**event, "id": str(uuid.uuid4())}
                try:
                    taken = requests.post(
                        f"http://127.0.0.1:{self._sink}/",
                        data=json.dumps(event),
                        headers={"Content-Type": "application/cloudevents+json"},
                        timeout=5,
                    ).ok
                except requests.RequestException:
                    taken = False
                if taken or "gives-up" in self.flaws:
                    self._outbox.remove(self._outbox[at])
                else:
                    time.sleep(0.02)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: round(one, -2) if key == "total" else _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _drip(write: Callable[[bytes], object]) -> None:
    write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        write(b" ")
        time.sleep(0.05)


def _endless(write: Callable[[bytes], object]) -> None:
    write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(2000):
        write(b"[" * 65536)


def _interim(write: Callable[[bytes], object]) -> None:
    for _ in range(20_000):
        write(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.001)


HOSTILE: Mapping[str, Callable[[Callable[[bytes], object]], object]] = {
    "drips": _drip,
    "endless": _endless,
    "interim": _interim,
    "garbage": lambda write: write(b"\x00\xff\x16\x03 this is no HTTP\r\n\r\n"),
    "silent": lambda write: time.sleep(5),
    "closes": lambda write: None,
    "short": lambda write: write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"),
    "odd-status": lambda write: write(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "many-headers": lambda write: write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"),
    "odd-header": lambda write: write(
        b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\xc3\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    ),
}
