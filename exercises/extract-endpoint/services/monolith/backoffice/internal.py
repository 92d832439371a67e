"""The seam, added for the migration: what the new service may ask, what it can follow, and what it can tell.

The feed has every change that was made here, in its sequence; what came in by events is not in it again. The inbox
takes events one by one, each once, those of an invoice in the sequence of its versions.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from backoffice.database import db, journal, now, rows, stamp, writing
from backoffice.errors import ApiError
from backoffice.invoicing import write_snapshot

blueprint = Blueprint("internal", __name__, url_prefix="/internal")

MOST_CHANGES = 100
STATUSES = ("draft", "issued", "settled", "voided")
NEEDED = ("id", "account", "status", "version", "lines", "net_cents", "total_cents", "created_at")


@blueprint.get("/accounts/<account>")
def read_account(account: str) -> Response:
    row = db().execute("SELECT * FROM accounts WHERE account = ?", (account,)).fetchone()
    if row is None:
        raise ApiError(404, "no such account")
    fee = None if row["fee_percent"] is None else float(row["fee_percent"])
    return jsonify({"account": account, "state": row["state"], "fee_percent": fee, "terms_days": row["terms_days"]})


@blueprint.get("/changes")
def read_changes() -> Response:
    after, limit = _whole("after", 0), min(_whole("limit", 100), MOST_CHANGES)
    end = db().execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0]
    found = rows(db(), "SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
    changes = [{"seq": row["seq"], "invoice": json.loads(row["snapshot"])} for row in found]
    return jsonify({"changes": changes, "end": end})


@blueprint.post("/events")
def take_event() -> tuple[Response, int]:
    event = _read_event()
    told = event["data"]
    with writing() as connection:
        if connection.execute("SELECT 1 FROM seen_events WHERE id = ?", (event["id"],)).fetchone():
            return jsonify({"applied": False}), 202
        row = connection.execute("SELECT version FROM invoices WHERE id = ?", (told["id"],)).fetchone()
        version = row["version"] if row else 0
        if event["sequence"] > version + 1:
            raise ApiError(409, f"the next one is {version + 1}")
        applied = event["sequence"] == version + 1
        if applied:
            write_snapshot(connection, told)
            journal(connection, told["account"], f"invoice {told['status']} (told)", told["id"])
        connection.execute("INSERT INTO seen_events VALUES (?, ?)", (event["id"], stamp(now())))
    return jsonify({"applied": applied}), 202


def _read_event() -> dict[str, Any]:
    """A CloudEvent (1.0, HTTP binding), in structured or in binary mode."""
    body = request.get_json(silent=True, force=True)
    if request.mimetype == "application/cloudevents+json":
        event = body if isinstance(body, dict) else {}
    else:
        event = {name[3:].lower(): value for name, value in request.headers.items() if name.lower().startswith("ce-")}
        event["data"] = body
    told = event.get("data")
    if event.get("specversion") != "1.0" or not all(event.get(name) for name in ("id", "source", "type", "sequence")):
        raise ApiError(400, "no CloudEvent of version 1.0")
    if not isinstance(told, dict) or any(name not in told for name in NEEDED) or told["status"] not in STATUSES:
        raise ApiError(400, "the data is no invoice", "data")
    if not str(event["sequence"]).isdecimal() or int(event["sequence"]) != told["version"]:
        raise ApiError(400, "the sequence is the version of the invoice", "sequence")
    return event | {"sequence": int(event["sequence"])}


def _whole(name: str, usual: int) -> int:
    told = request.args.get(name, str(usual))
    if not told.isascii() or not told.isdecimal() or int(told) >= 2**62:
        raise ApiError(400, "a whole number is needed", name)
    return int(told)
