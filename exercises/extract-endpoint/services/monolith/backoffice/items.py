"""The catalogue: what a line may be about. Nobody checks lines against it; see the wiki for why that was given up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from backoffice.database import db, rows, writing
from backoffice.errors import ApiError

blueprint = Blueprint("items", __name__)


@blueprint.get("/items")
def list_items() -> Response:
    query = "SELECT * FROM items WHERE retired = 0 OR ? = 'all' ORDER BY item"
    return jsonify({"items": [_as_told(row) for row in rows(db(), query, request.args.get("show", ""))]})


@blueprint.get("/items/<item>")
def read_item(item: str) -> Response:
    return jsonify(_as_told(_one(item)))


@blueprint.put("/items/<item>")
def put_item(item: str) -> Response:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be a JSON object")
    title, unit = body.get("title"), body.get("unit_cents")
    if not isinstance(title, str) or not title.strip():
        raise ApiError(400, "a title is needed", "title")
    if isinstance(unit, bool) or not isinstance(unit, int) or unit < 0:
        raise ApiError(400, "whole cents", "unit_cents")
    with writing() as connection:
        connection.execute(
            "INSERT INTO items (item, title, unit_cents) VALUES (?, ?, ?)"
            " ON CONFLICT (item) DO UPDATE SET title = excluded.title, unit_cents = excluded.unit_cents",
            (item.upper(), title.strip(), unit),
        )
    return jsonify(_as_told(_one(item)))


@blueprint.post("/items/<item>/retire")
def retire_item(item: str) -> Response:
    with writing() as connection:
        _one(item)
        connection.execute("UPDATE items SET retired = 1 WHERE item = ?", (item.upper(),))
    return jsonify(_as_told(_one(item)))


def _one(item: str) -> Any:
    found = rows(db(), "SELECT * FROM items WHERE item = ?", item.upper())
    if not found:
        raise ApiError(404, "no such item")
    return found[0]


def _as_told(row: Any) -> dict[str, Any]:
    return {
        "item": row["item"],
        "title": row["title"],
        "unit_cents": row["unit_cents"],
        "retired": bool(row["retired"]),
    }
