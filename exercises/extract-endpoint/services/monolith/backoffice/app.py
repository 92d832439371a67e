"""Puts the blueprints together."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException

from backoffice import accounts, database, errors, internal, invoicing, items, operations, reports


def create_app(
    path: Path | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:16],
) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the mobile app shows fields as they come
    app.config["DATABASE"] = path or Path(os.environ["BACKOFFICE_DATABASE"])
    app.config["NOW"] = now
    app.config["NEW_ID"] = new_id
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    for module in (accounts, items, invoicing, reports, internal, operations):
        app.register_blueprint(module.blueprint)
    app.teardown_appcontext(database.close)
    app.register_error_handler(errors.ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _api_error(error: errors.ApiError) -> tuple[Any, int]:
    return jsonify(error.body()), error.status


def _http_error(error: HTTPException) -> tuple[Any, int]:
    return jsonify({"error": error.description}), error.code or 500
