"""What the platform and the migration ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify

if TYPE_CHECKING:
    from invoicing.follower import Follower
    from invoicing.store import Store

DOCUMENT = Path(__file__).with_name("openapi.json")


def blueprint(store: Store, follower: Follower) -> Blueprint:
    operation = Blueprint("operation", __name__)

    @operation.get("/livez")
    def live() -> Response:
        return jsonify(status="alive")

    @operation.get("/readyz")
    def ready() -> tuple[Response, int]:
        """Ready is who can serve what it has; neither the monolith nor the sink is needed for that."""
        there = store.is_there()
        return jsonify(status="ready" if there else "no store"), 200 if there else 503

    @operation.get("/openapi.json")
    def document() -> Response:
        return Response(DOCUMENT.read_bytes(), content_type="application/json")

    @operation.post("/backfill")
    def begin() -> tuple[Response, int]:
        follower.begin()
        return jsonify(follower.status()), 202

    @operation.get("/backfill")
    def status() -> Response:
        return jsonify(follower.status())

    return operation
