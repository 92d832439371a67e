"""The payment provider of the pod: it charges once per key, and declines what is too much."""

from __future__ import annotations

import threading
import uuid

from flask import Flask, request

MOST = 5_000_000
"""Pence; more is declined."""


def create_app() -> Flask:
    app = Flask(__name__)
    charges: dict[str, str] = {}
    lock = threading.Lock()

    @app.post("/charges")
    def charge() -> tuple[dict[str, object], int]:
        wanted = request.get_json(silent=True)
        if not is_charge(wanted):
            return {"error": "expected {order, amount}"}, 400
        if wanted["amount"] > MOST:
            return {"error": "declined"}, 402
        key = request.headers.get("Idempotency-Key") or str(uuid.uuid4())
        with lock:
            return {"charge": charges.setdefault(key, str(uuid.uuid4()))}, 201

    @app.get("/healthz")
    def health() -> str:
        return "ok"

    return app


def is_charge(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("order"), str)
        and isinstance(value.get("amount"), int)
        and value["amount"] > 0
    )
