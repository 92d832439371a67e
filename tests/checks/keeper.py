"""A small service that keeps orders, with the mistakes that can be made in it, and the inventory it asks."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "ingest"
TIMEOUT = 0.4


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_args: object) -> None: ...

    def payload(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class Inventory(Quiet):
    pause = 0.0

    def do_POST(self) -> None:
        time.sleep(self.pause)
        out = str(self.payload().get("sku", "")).startswith("OUT")
        self.answer(409 if out else 201, {} if out else {"reservation_id": str(uuid.uuid4())})

    def do_GET(self) -> None:
        self.answer(200, "fine")


class Keeper(ThreadingHTTPServer):
    """Keeps orders by key, and makes the mistakes named in `flaws`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, inventory: int, collector: int, flaws: frozenset[str], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Orders)
        self.inventory = inventory
        self.collector = collector
        self.flaws = flaws
        self.stale = 2
        self.lock = threading.BoundedSemaphore(4 if "room for four" in flaws else 1)
        self.kept: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.refused: set[str] = set()
        self.repeats = 2.0
        self.seen = 0.0

    def handle_error(self, *_args: object) -> None:
        """A client that has gone is no news."""


class Orders(Quiet):
    server: Keeper

    def do_POST(self) -> None:
        wanted = self.payload()
        if self.path.endswith("/cancel"):
            self.cancel()
            return
        key = self.headers.get("Idempotency-Key") or (str(uuid.uuid4()) if self.has("key optional") else "")
        if key and not self.has("key of nobody"):
            key = f"{key} of {self.headers['Authorization']}"
        if not key:
            self.answer(400, {"title": "Idempotency-Key is missing"})
        elif self.has("late unique key"):
            self.answer_late(key, wanted)
        elif (busy := self.busy()) and not self.server.lock.acquire(blocking=False):
            self.answer(busy, {"title": "busy"}, **self.later())
        else:
            with nullcontext() if busy or self.has("no lock") else self.server.lock:
                self.keep(key, wanted)
            if busy:
                time.sleep(0.2 if self.has("lets go late") else 0.0)
                self.server.lock.release()

    def busy(self) -> int:
        """What is said to those who come while another one is served; 0: they wait."""
        said = (status for status in (409, 429, 500, 503) if self.has(f"busy says {status}"))
        return next(said, 0)

    def keep(self, key: str, wanted: Any) -> None:
        known = self.server.kept.get(key)
        if known is not None and known[0] != wanted and not self.has("payload ignored"):
            self.answer(422, {"title": "another payload"})
        elif known is not None and not self.has("no replay"):
            status = 200 if self.has("replay says 200") else 201
            today = self.has("replay of today")
            order = {name: value for name, value in known[1].items() if today or name != "status"}
            self.answer(status, order, Location=f"/v1/orders/{order['id']}")
        elif key in self.server.refused:
            self.answer(409, {"title": "out of stock"})
        elif self.reserve(wanted, key):
            order = {"id": str(uuid.uuid4()), **wanted}
            self.server.kept[key] = (wanted, order)
            self.answer(201, order, Location=f"/v1/orders/{order['id']}")
        elif self.has("failures kept"):
            self.server.kept[key] = (wanted, {"id": "none"})
            self.answer(503, {"title": "no inventory"})
        elif self.has("fails with 500"):
            self.answer(500, {"title": "oops"})
        else:
            self.answer(503, {"title": "no inventory"}, **self.later())

    def cancel(self) -> None:
        item = self.path.split("/")[-2]
        found = [key for key, (_, order) in self.server.kept.items() if order["id"] == item]
        if not found or self.has("never cancels"):
            self.answer(404, {"title": "no such order"})
            return
        wanted, order = self.server.kept[found[0]]
        self.server.kept[found[0]] = (wanted, order | {"status": "cancelled"})
        self.answer(200, self.server.kept[found[0]][1])

    def later(self) -> dict[str, str]:
        return {} if self.has("no Retry-After") else {"Retry-After": "1"}

    def answer_late(self, key: str, wanted: Any) -> None:
        if self.reserve(wanted, str(uuid.uuid4())):
            _, order = self.server.kept.setdefault(key, (wanted, {"id": str(uuid.uuid4()), **wanted}))
            self.answer(201, order, Location=f"/v1/orders/{order['id']}")

    def do_GET(self) -> None:
        if self.path.startswith("/v1/") and self.has("reads never answered"):
            self.close_connection = True
        elif self.path.startswith("/v1/"):
            with self.server.lock if self.has("reads wait") else nullcontext():
                self.answer(503 if self.has("reads refused") else 200, {})
        elif self.path == "/livez" and self.has("never alive"):
            time.sleep(1)
        elif self.has("one watcher for both"):
            self.answer(200 if self.watched() else 503, {})
        elif self.path == "/livez" and not self.has("liveness asks"):
            self.answer(200, "alive")
        elif self.path == "/readyz" and self.has("an old 503") and self.server.stale:
            self.server.stale -= 1
            self.answer(503, "as I heard last time")
        elif self.path == "/readyz" and (self.has("ready for ever") or self.has("an old 503")):
            self.answer(200, "ready")
        else:
            time.sleep(0.1 if self.has("readiness takes its time") else 0.0)
            fine = self.call("GET", "/healthz", None) == 200
            self.answer(200 if fine else 503, {"fine": fine})

    def watched(self) -> bool:
        """Whether the dependency was there at any time in the last half second."""
        if self.call("GET", "/healthz", None) == 200:
            self.server.seen = time.monotonic()
        return time.monotonic() - self.server.seen < 0.5

    def reserve(self, wanted: Any, key: str) -> bool:
        if self.has("answers only"):
            return True
        self.server.repeats = min(2.0, self.server.repeats + 0.2)
        status = self.call("POST", "/reservations", wanted, self.own(key))
        for _ in range(2):
            if status == 201 or not self.may_repeat(status):
                break
            status = self.call("POST", "/reservations", wanted, self.own(key))
        if status == 409 and self.has("refusals kept"):
            self.server.refused.add(key)
        return status == 201

    def own(self, key: str) -> str:
        if self.has("one key for the inventory"):
            return "always the same"
        return str(uuid.uuid4()) if self.has("new keys for the inventory") else key

    def may_repeat(self, status: int | None) -> bool:
        if self.has("never asks again") or (status is not None and status < 500 and not self.has("asks whatever")):
            return False
        unbounded = self.has("no budget") or (status is not None and self.has("no budget for answers"))
        if self.server.repeats < 1 and not unbounded:
            return False
        self.server.repeats -= 1
        return True

    def call(self, method: str, path: str, body: Any, key: str = "") -> int | None:
        link = http.client.HTTPConnection("127.0.0.1", self.server.inventory, timeout=self.patience())
        caller = self.headers.get("traceparent") or ""
        try:
            headers = {} if self.has("drops trace") else {"traceparent": caller}
            if key:
                headers["Idempotency-Key"] = key
            link.request(method, path, json.dumps(body), headers)
            return link.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            link.close()
            if caller and not self.has("no spans"):
                self.export(caller)

    def export(self, caller: str) -> None:
        _, trace_id, parent, _ = caller.split("-")
        times = {"startTimeUnixNano": "1000000000", "endTimeUnixNano": "2000000000"}
        span = {"traceId": trace_id, "spanId": uuid.uuid4().hex[:16], "parentSpanId": parent, "name": "x", "kind": 2}
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span | times]}]}]}
        link = http.client.HTTPConnection("127.0.0.1", self.server.collector, timeout=2)
        link.request(
            "POST", "/v1/traces", json.dumps(body), {"Content-Type": "application/json", "x-ingest-token": TOKEN}
        )
        link.getresponse()
        link.close()

    def patience(self) -> float:
        return 30.0 if self.has("no timeout") else TIMEOUT

    def has(self, flaw: str) -> bool:
        return flaw in self.server.flaws
