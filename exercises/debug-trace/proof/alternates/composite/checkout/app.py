"""Checkout: prices every line, charges the sum, and leaves a message for the receipt."""

from __future__ import annotations

import os

import telemetry
from calls import Deadline, Edge, FailedError, TooLateError
from flask import Flask, request
from payments import DeclinedError, Payments
from prices import Prices, UnknownHamperError
from receipts import Receipts


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app, "checkout")
    prices = Prices(Edge("pricing", os.environ["PRICING_URL"]))
    payments = Payments(Edge("payments", os.environ["PAYMENTS_URL"]))
    receipts = Receipts(Edge("queue", os.environ["QUEUE_URL"]))

    @app.post("/checkouts")
    def check_out() -> tuple[dict[str, object], int]:
        wanted = request.get_json()
        order, deadline = wanted["order"], Deadline.of(request.headers)
        total = sum(prices.of(wanted["lines"], deadline))
        charge = payments.charge(order, total, deadline)
        receipts.ask_for(order, total, deadline)
        return {"order": order, "total": total, "charge": charge}, 200

    @app.errorhandler(UnknownHamperError)
    def unknown(error: UnknownHamperError) -> tuple[dict[str, object], int]:
        return {"error": f"no such hamper: {error}"}, 404

    @app.errorhandler(DeclinedError)
    def declined(_: DeclinedError) -> tuple[dict[str, object], int]:
        return {"error": "the payment was declined"}, 402

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
