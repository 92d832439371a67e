"""Pricing: what so many of a hamper cost. On OpenTelemetry like the others; jaeger-client is gone."""

from __future__ import annotations

import os
import threading
import time

import telemetry
from calls import Deadline, Edge, FailedError, TooLateError
from flask import Flask, request

FRESH = 3.0


class Tariffs:
    """Prices of hampers. A lock for each hamper, so that one loads and the others look again."""

    def __init__(self, inventory: Edge) -> None:
        self._inventory = inventory
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[float, int | None]] = {}

    def of(self, hamper: str, deadline: Deadline) -> int | None:
        with self._guard:
            if len(self._locks) > 10_000:
                self._locks.clear()
                self._known.clear()
            lock = self._locks.setdefault(hamper, threading.Lock())
        if not lock.acquire(timeout=deadline.left()):
            raise TooLateError
        try:
            until, pence = self._known.get(hamper, (0.0, None))
            if time.monotonic() >= until:
                pence = self._load(hamper, deadline)
                self._known[hamper] = (time.monotonic() + FRESH, pence)
            return pence
        finally:
            lock.release()

    def _load(self, hamper: str, deadline: Deadline) -> int | None:
        answer = self._inventory.send("GET", f"/items/{hamper}", deadline, attributes={"hamper": hamper})
        return None if answer.status_code == 404 else int(answer.json()["pence"])


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app, "pricing")
    tariffs = Tariffs(Edge("inventory", os.environ["INVENTORY_URL"]))

    @app.get("/prices/<hamper>")
    def price(hamper: str) -> tuple[dict[str, object], int]:
        pence = tariffs.of(hamper, Deadline.of(request.headers))
        if pence is None:
            return {"error": "unknown"}, 404
        return {"pence": pence * request.args.get("quantity", 1, type=int)}, 200

    @app.errorhandler(FailedError)
    def failed(_: FailedError) -> tuple[dict[str, object], int]:
        return {"error": "failed"}, 503

    @app.errorhandler(TooLateError)
    def late(_: TooLateError) -> tuple[dict[str, object], int]:
        return {"error": "late"}, 504

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app
