"""Pricing: what so many of a hamper cost."""

from __future__ import annotations

import os

import telemetry
from flask import Flask, request
from inventory import FailedError, Inventory, TooLateError
from tariffs import Tariffs


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app)
    tariffs = Tariffs(Inventory(os.environ["INVENTORY_URL"]).pence)

    @app.get("/prices/<hamper>")
    def price(hamper: str) -> tuple[dict[str, object], int]:
        quantity = request.args.get("quantity", 1, type=int)
        pence = tariffs.of(hamper, request.headers.get("X-Timeout-Ms", ""))
        if pence is None:
            return {"error": f"no such hamper: {hamper}"}, 404
        return {"hamper": hamper, "quantity": quantity, "pence": pence * quantity}, 200

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
