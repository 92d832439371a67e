"""Invoices: made as drafts, issued with a number, then settled or voided. All of it is below an account.

Other modules read these tables, too: `accounts` for what is open, `reports` for its figures, `internal` for the feed.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from backoffice.amounts import MAX_UNIT, fee_amount, line_amount, quantity_of, shown
from backoffice.database import db, journal, now, rows, stamp, writing
from backoffice.errors import ApiError

blueprint = Blueprint("invoicing", __name__)

MAX_LINES = 71
MAX_MEMO = 236
MAX_KEY = 137
MAX_PAGE = 188
DEFAULT_PAGE = 25

# What is still being written comes first. The portal shows the list as it comes.
IN_SEQUENCE = """
ORDER BY CASE WHEN status = 'draft' THEN 0 WHEN running IS NOT NULL THEN 1 ELSE 2 END, running DESC, seq DESC
"""


@blueprint.get("/accounts/<account>/invoices")
def list_invoices(account: str) -> Response:
    # An account nobody knows has no invoices. Clients that ask for one were never told otherwise.
    status = request.args.get("status")
    limit = min(_number("limit", DEFAULT_PAGE), MAX_PAGE)
    page = _number("page", 1)
    where, values = "account = ?", [account]
    if status:
        where += " AND status = ?"
        values.append(status)
    total = db().execute(f"SELECT count(*) FROM invoices WHERE {where}", values).fetchone()[0]
    found = rows(
        db(), f"SELECT * FROM invoices WHERE {where} {IN_SEQUENCE} LIMIT ? OFFSET ?", *values, limit, (page - 1) * limit
    )
    answer = jsonify({"invoices": [as_told(db(), row) for row in found], "total_count": total})
    answer.headers["X-Total-Count"] = str(total)
    return answer


@blueprint.post("/accounts/<account>/invoices")
def make_invoice(account: str) -> tuple[Response, int]:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= MAX_KEY:
        raise ApiError(400, f"an Idempotency-Key has 1 to {MAX_KEY} characters")
    owner = db().execute("SELECT * FROM accounts WHERE account = ?", (account,)).fetchone()
    if owner is None:
        raise ApiError(404, "no such account")
    if key is not None and (known := _by_key(account, key)) is not None:
        return jsonify(as_told(db(), known)), 200  # not 201: nothing was made
    if owner["state"] == "closed":
        raise ApiError(410, "the account is closed")
    memo, memo_given, lines = _read_body()
    net = sum(line["amount_cents"] for line in lines)
    fee = fee_amount(net, owner["fee_percent"])
    invoice_id = current_app.config["NEW_ID"]()
    with writing() as connection:
        if key is not None and (known := _by_key(account, key)) is not None:
            return jsonify(as_told(connection, known)), 200  # somebody was faster
        connection.execute(
            "INSERT INTO invoices (id, account, status, version, memo, memo_given, net_cents, fee_cents, created_at,"
            " request_key) VALUES (?, ?, 'draft', 1, ?, ?, ?, ?, ?, ?)",
            (invoice_id, account, memo, memo_given, net, fee, stamp(now()), key),
        )
        write_lines(connection, invoice_id, lines)
        record_change(connection, invoice_id)
        journal(connection, account, "invoice made", invoice_id)
    answer = jsonify(as_told(db(), one(account, invoice_id)))
    answer.headers["Location"] = f"/accounts/{account}/invoices/{invoice_id}"
    return answer, 201


@blueprint.get("/accounts/<account>/invoices/<invoice_id>")
def read_invoice(account: str, invoice_id: str) -> Response:
    return jsonify(as_told(db(), one(account, invoice_id)))


@blueprint.post("/accounts/<account>/invoices/<invoice_id>/issue")
def issue_invoice(account: str, invoice_id: str) -> Response:
    with writing() as connection:
        row = one(account, invoice_id)
        if row["status"] != "draft":
            raise ApiError(409, f"the invoice is {row['status']}")
        terms = connection.execute("SELECT terms_days FROM accounts WHERE account = ?", (account,)).fetchone()[0]
        # Numbers of an account have no gaps. They are counted up here and nowhere else.
        last = connection.execute("SELECT max(running) FROM invoices WHERE account = ?", (account,)).fetchone()[0]
        moment = now()
        connection.execute(
            "UPDATE invoices SET status = 'issued', version = version + 1, running = ?, issued_at = ?, due_on = ?"
            " WHERE id = ?",
            ((last or 0) + 1, stamp(moment), f"{moment + timedelta(days=terms):%Y-%m-%d}", invoice_id),
        )
        record_change(connection, invoice_id)
        journal(connection, account, "invoice issued", invoice_id)
    return jsonify(as_told(db(), one(account, invoice_id)))


@blueprint.post("/accounts/<account>/invoices/<invoice_id>/settle")
def settle_invoice(account: str, invoice_id: str) -> Response:
    return _end(account, invoice_id, "settled", {"issued"})


@blueprint.post("/accounts/<account>/invoices/<invoice_id>/void")
def void_invoice(account: str, invoice_id: str) -> Response:
    return _end(account, invoice_id, "voided", {"draft", "issued"})


def _end(account: str, invoice_id: str, status: str, allowed: set[str]) -> Response:
    """Both ends may be reached twice: the bank sends everything twice."""
    with writing() as connection:
        row = one(account, invoice_id)
        if row["status"] != status:
            if row["status"] not in allowed:
                raise ApiError(409, f"the invoice is {row['status']}")
            connection.execute(
                f"UPDATE invoices SET status = ?, version = version + 1, {status}_at = ? WHERE id = ?",
                (status, stamp(now()), invoice_id),
            )
            record_change(connection, invoice_id)
            journal(connection, account, f"invoice {status}", invoice_id)
    return jsonify(as_told(db(), one(account, invoice_id)))


def one(account: str, invoice_id: str) -> sqlite3.Row:
    found = db().execute("SELECT * FROM invoices WHERE id = ? AND account = ?", (invoice_id, account)).fetchone()
    if found is None:
        raise ApiError(404, "no such invoice")
    row: sqlite3.Row = found
    return row


def _by_key(account: str, key: str) -> sqlite3.Row | None:
    query = "SELECT * FROM invoices WHERE account = ? AND request_key = ?"
    found: sqlite3.Row | None = db().execute(query, (account, key)).fetchone()
    return found


def _number(name: str, usual: int) -> int:
    """What is no number, or below 1, counts as not said: some clients send `limit=` or `limit=all`."""
    told = request.args.get(name, "")
    return int(told) if told.isascii() and told.isdigit() and 1 <= int(told) < 10**9 else usual


def _read_body() -> tuple[str | None, bool, list[dict[str, Any]]]:
    """The memo, whether there was one, and the lines with their amounts."""
    body = request.get_json(silent=True, force=True)  # half of our clients never set a content type
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be a JSON object")
    lines = body.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
        raise ApiError(400, f"1 to {MAX_LINES} lines are needed", "lines")
    memo = body.get("memo")
    if memo is not None and not isinstance(memo, str):
        raise ApiError(400, "a memo is text", "memo")
    memo = (memo or "").strip()[:MAX_MEMO] or None  # too long is cut, blank is as good as null
    return memo, "memo" in body, [_read_line(line, f"lines[{at}]") for at, line in enumerate(lines)]


def _read_line(line: Any, where: str) -> dict[str, Any]:
    if not isinstance(line, dict):
        raise ApiError(400, "a line is an object", where)
    item = line.get("item")
    if not isinstance(item, str) or not item.strip():
        raise ApiError(400, "an item is needed", f"{where}.item")
    quantity = quantity_of(line.get("quantity"), where)
    unit = line.get("unit_cents")
    if isinstance(unit, bool) or not isinstance(unit, int) or not 0 <= unit <= MAX_UNIT:
        raise ApiError(400, f"whole cents, at most {MAX_UNIT}", f"{where}.unit_cents")
    discount = line.get("discount_percent") or 0
    if isinstance(discount, bool) or not isinstance(discount, int) or not 0 <= discount <= 100:
        raise ApiError(400, "a discount is a whole number up to 100", f"{where}.discount_percent")
    amount = line_amount(quantity, unit, discount)
    return {
        "item": item.strip().upper(),
        "quantity": f"{quantity:f}",
        "unit_cents": unit,
        "discount_percent": discount,
        "amount_cents": amount,
    }


def write_lines(connection: sqlite3.Connection, invoice_id: str, lines: list[dict[str, Any]]) -> None:
    connection.executemany(
        "INSERT INTO invoice_lines VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                invoice_id,
                position,
                line["item"],
                line["quantity"],
                line["unit_cents"],
                line["discount_percent"],
                line["amount_cents"],
            )
            for position, line in enumerate(lines)
        ],
    )


def as_told(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    """An invoice as every client reads it. What is null and what is not there has grown, and is relied upon."""
    told: dict[str, Any] = {
        "id": row["id"],
        "account": row["account"],
        "status": row["status"],
        "version": row["version"],
        "lines": [],
    }
    for line in rows(connection, "SELECT * FROM invoice_lines WHERE invoice = ? ORDER BY position", row["id"]):
        shown_line = {
            "item": line["item"],
            "quantity": shown(line["quantity"]),
            "unit_cents": line["unit_cents"],
            "amount_cents": line["amount_cents"],
        }
        if line["discount_percent"]:
            shown_line["discount_percent"] = line["discount_percent"]
        told["lines"].append(shown_line)
    told["net_cents"] = row["net_cents"]
    if row["fee_cents"] is not None:
        told["fee_cents"] = row["fee_cents"]
    told["total_cents"] = row["net_cents"] + (row["fee_cents"] or 0)
    if row["running"] is not None:
        told["number"] = f"{row['account']}/{row['running']:04}"
    if row["memo_given"]:
        told["memo"] = row["memo"]
    told["created_at"] = row["created_at"]
    if row["issued_at"] is not None:
        told["issued_at"] = row["issued_at"]
        told["due_on"] = row["due_on"]
        told["settled_at"] = row["settled_at"]  # null until then; what was never issued does not have it
    if row["voided_at"] is not None:
        told["voided_at"] = row["voided_at"]
    return told


def record_change(connection: sqlite3.Connection, invoice_id: str) -> None:
    """For the feed: the invoice as it is now."""
    row = connection.execute("SELECT * FROM invoices WHERE id = ?", (invoice_id,)).fetchone()
    snapshot = as_told(connection, row) | {"request_key": row["request_key"]}
    connection.execute("INSERT INTO changes (snapshot) VALUES (?)", (json.dumps(snapshot),))


def write_snapshot(connection: sqlite3.Connection, told: dict[str, Any]) -> None:
    """Store an invoice as somebody else tells it, lines and all: see `internal`."""
    running = int(told["number"].rpartition("/")[2]) if "number" in told else None
    lines = [
        line | {"quantity": f"{Decimal(str(line['quantity'])):f}", "discount_percent": line.get("discount_percent", 0)}
        for line in told["lines"]
    ]
    values = {
        "id": told["id"],
        "account": told["account"],
        "status": told["status"],
        "version": told["version"],
        "running": running,
        "memo": told.get("memo"),
        "memo_given": "memo" in told,
        "net_cents": told["net_cents"],
        "fee_cents": told.get("fee_cents"),
        "created_at": told["created_at"],
        "issued_at": told.get("issued_at"),
        "due_on": told.get("due_on"),
        "settled_at": told.get("settled_at"),
        "voided_at": told.get("voided_at"),
        "request_key": told.get("request_key"),
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    changed = ", ".join(f"{name} = :{name}" for name in values if name != "id")
    connection.execute(
        f"INSERT INTO invoices ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changed}", values
    )
    connection.execute("DELETE FROM invoice_lines WHERE invoice = ?", (told["id"],))
    write_lines(connection, told["id"], lines)
