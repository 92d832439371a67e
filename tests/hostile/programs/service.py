"""The polite part of a hostile program: a service that is ready, alive, and takes every order. Copied beside each."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ["PORT"])
REFERENCE, INVENTORY, RELAY, RELAY_OF_REFERENCE, COLLECTOR = range(PORT + 1, PORT + 6)
TOKEN = os.environ["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")[2]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        self.answer(200 if self.path in ("/readyz", "/livez") or self.path.startswith("/v1/orders") else 404)

    def do_POST(self) -> None:
        self.body()
        self.answer(201, b'{"id": "%s"}' % uuid.uuid4().hex.encode(), Location="/v1/orders/1")

    def log_message(self, *words: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def serve(handler: type[Handler] = Handler, port: int = PORT) -> None:
    Server(("127.0.0.1", port), handler).serve_forever()


def aside(call, *arguments: object) -> None:
    threading.Thread(target=call, args=arguments, daemon=True).start()


def reserve(order: bytes, **headers: str) -> None:
    """Call the inventory as it is meant to be called."""
    body = json.dumps({"sku": json.loads(order)["sku"], "quantity": 1}).encode()
    headers["Content-Type"] = "application/json"
    call = urllib.request.Request(os.environ["INVENTORY_URL"] + "/reservations", body, headers)
    urllib.request.urlopen(call, timeout=5).read()
