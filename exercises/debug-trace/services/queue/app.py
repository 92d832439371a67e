"""The message queue of the pod: messages wait until somebody takes them, and come again unless they are deleted."""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict

from flask import Flask, request

AGAIN = 5.0
"""Seconds after which a message that was taken and not deleted is handed out again."""
LONGEST = 2.0
"""Seconds for which a taker may wait."""
ROOM = 10_000


def create_app() -> Flask:
    app = Flask(__name__)
    messages: OrderedDict[str, dict[str, object]] = OrderedDict()
    free_at: dict[str, float] = {}
    changed = threading.Condition()

    @app.post("/messages")
    def publish() -> tuple[dict[str, object], int]:
        message = request.get_json(silent=True)
        if not isinstance(message, dict) or not isinstance(message.get("order"), str):
            return {"error": "expected {order, …}"}, 400
        name = str(uuid.uuid4())
        with changed:
            if len(messages) >= ROOM:
                return {"error": "full"}, 503
            messages[name], free_at[name] = message, 0.0
            changed.notify()
        return {"id": name}, 202

    @app.get("/messages/next")
    def take() -> tuple[dict[str, object], int]:
        until = time.monotonic() + min(LONGEST, request.args.get("wait", 0.0, type=float))
        with changed:
            while True:
                now = time.monotonic()
                for name, message in messages.items():
                    if free_at[name] <= now:
                        free_at[name] = now + AGAIN
                        return {"id": name, "message": message}, 200
                if now >= until:
                    return {}, 204
                changed.wait(until - now)

    @app.delete("/messages/<name>")
    def delete(name: str) -> tuple[dict[str, object], int]:
        with changed:
            messages.pop(name, None)
            free_at.pop(name, None)
        return {}, 204

    @app.get("/healthz")
    def health() -> str:
        return "ok"

    return app
