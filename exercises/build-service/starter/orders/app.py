"""The application: the two probes are here, everything else is yours to build."""

from __future__ import annotations

from flask import Flask


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/livez")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        # Too optimistic, but it lets you run `assesskit check` from the first minute. See the contract.
        return {"status": "ready"}

    return app
