"""The inventory of the pod: it reserves stock, once per Idempotency-Key, and keeps everything in memory.

What has a `sku` that starts with ``OUT-`` is never available.
"""

from __future__ import annotations

import threading
import uuid

from flask import Flask, Response, request


def create_app() -> Flask:
    app = Flask(__name__)
    reservations: dict[str, str] = {}
    lock = threading.Lock()

    @app.post("/reservations")
    def reserve() -> tuple[dict[str, object], int]:
        wanted = request.get_json(silent=True)
        if not is_reservation(wanted):
            return {"error": "expected {sku, quantity}"}, 400
        if wanted["sku"].startswith("OUT-"):
            return {"error": "out of stock"}, 409
        key = request.headers.get("Idempotency-Key") or str(uuid.uuid4())
        with lock:
            reservation = reservations.setdefault(key, str(uuid.uuid4()))
        return {"reservation_id": reservation}, 201

    @app.get("/healthz")
    def health() -> Response:
        return Response("ok", mimetype="text/plain")

    return app


def is_reservation(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    sku, quantity = value.get("sku"), value.get("quantity")
    return isinstance(sku, str) and isinstance(quantity, int) and not isinstance(quantity, bool) and quantity > 0
