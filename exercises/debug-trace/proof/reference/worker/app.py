"""The worker: writes receipts, one message after the other. It answers HTTP only to say that it is there."""

from __future__ import annotations

import os

import telemetry
from calls import Edge
from consumer import Consumer
from flask import Flask


def create_app() -> Flask:
    app = Flask(__name__)
    telemetry.install(app, "worker")
    app.extensions["consumer"] = Consumer(Edge("queue", os.environ["QUEUE_URL"]))
    app.extensions["consumer"].start()

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app
