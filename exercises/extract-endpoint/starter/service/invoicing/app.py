"""The application: two probes and an empty backfill are here, everything else is yours to build."""

from __future__ import annotations

from flask import Flask


def create_app() -> Flask:
    app = Flask(__name__)

    @app.get("/livez")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/backfill")
    def backfill() -> dict[str, object]:
        return {"state": "idle", "position": 0, "copied": 0}

    return app
