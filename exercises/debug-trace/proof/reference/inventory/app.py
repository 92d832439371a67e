"""Inventory: which parts a hamper has, and what they cost together."""

from __future__ import annotations

import os

import telemetry
from calls import Deadline, Edge, FailedError, TooLateError
from flask import Flask, request
from items import Items
from pool import Pool

SESSIONS = 8
"""Statements at once: as many as the database takes."""


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app, "inventory")
    items = Items(Pool([Edge("database", os.environ["DATABASE_URL"], connections=1) for _ in range(SESSIONS)]))

    @app.get("/items/<hamper>")
    def item(hamper: str) -> tuple[dict[str, object], int]:
        pence = items.pence(hamper, Deadline.of(request.headers))
        if not pence:
            return {"error": f"no such hamper: {hamper}"}, 404
        return {"hamper": hamper, "parts": len(pence), "pence": sum(pence)}, 200

    @app.errorhandler(FailedError)
    def failed(_: FailedError) -> tuple[dict[str, object], int, dict[str, str]]:
        return {"error": "not available now"}, 503, {"Retry-After": "1"}

    @app.errorhandler(TooLateError)
    def late(_: TooLateError) -> tuple[dict[str, object], int]:
        return {"error": "took too long"}, 504

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app
