"""The gateway: where customers come in. It checks what they send and passes it on."""

from __future__ import annotations

import os
import re

import telemetry
from calls import Deadline, Edge, FailedError, TooLateError
from flask import Flask, Response, request

ORDER = re.compile(r"[A-Z0-9-]{3,40}")
HAM = re.compile(r"HAM-[0-9]{6}")
MOST_LINES = 20


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app, "gateway")
    checkout = Edge("checkout", os.environ["CHECKOUT_URL"])

    @app.post("/checkouts")
    def check_out() -> Response | tuple[dict[str, object], int]:
        wanted = request.get_json(silent=True)
        if not is_checkout(wanted):
            return {"error": "expected {order, lines: [{hamper, quantity}, …]}"}, 400
        answer = checkout.send("POST", "/checkouts", Deadline.of(request.headers), json=wanted)
        return Response(answer.content, answer.status_code, content_type="application/json")

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


def is_checkout(value: object) -> bool:
    if not isinstance(value, dict) or not ORDER.fullmatch(str(value.get("order"))):
        return False
    lines = value.get("lines")
    return isinstance(lines, list) and 1 <= len(lines) <= MOST_LINES and all(is_line(line) for line in lines)


def is_line(value: object) -> bool:
    if not isinstance(value, dict) or not HAM.fullmatch(str(value.get("hamper"))):
        return False
    quantity = value.get("quantity")
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 1 <= quantity <= 999
