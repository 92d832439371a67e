"""For whoever runs it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from backoffice.database import db

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def health() -> Response:
    db().execute("SELECT 1 FROM accounts LIMIT 1").fetchone()
    return jsonify({"status": "ok"})
