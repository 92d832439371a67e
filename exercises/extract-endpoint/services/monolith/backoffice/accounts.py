"""Accounts: whom we deal with, and what they owe."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, jsonify, request

from backoffice.database import db, journal, now, rows, stamp, writing
from backoffice.errors import ApiError

blueprint = Blueprint("accounts", __name__)

NAMED = re.compile(r"[A-Z]{1,4}-[0-9]{1,8}")

# Reads the tables of invoices directly: it was one query, and one query it stays.
WITH_FIGURES = """
SELECT a.*,
    coalesce(sum(CASE WHEN i.status = 'issued' THEN i.net_cents + coalesce(i.fee_cents, 0) END), 0) AS open_cents,
    coalesce(sum(CASE WHEN i.status = 'settled' THEN i.net_cents + coalesce(i.fee_cents, 0) END), 0) AS paid_cents,
    count(CASE WHEN i.status = 'draft' THEN 1 END) AS drafts
FROM accounts a LEFT JOIN invoices i ON i.account = a.account
"""


@blueprint.get("/accounts")
def list_accounts() -> Response:
    state = request.args.get("state", "open")
    found = rows(db(), f"{WITH_FIGURES} WHERE a.state = ? GROUP BY a.account ORDER BY a.account", state)
    return jsonify({"accounts": [_as_told(row) for row in found]})


@blueprint.post("/accounts")
def make_account() -> tuple[Response, int]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be a JSON object")
    account, name = body.get("account"), body.get("name")
    if not isinstance(account, str) or not NAMED.fullmatch(account):
        raise ApiError(400, "an account is letters, a dash, digits", "account")
    if not isinstance(name, str) or not name.strip():
        raise ApiError(400, "a name is needed", "name")
    terms = body.get("terms_days", 14)
    if isinstance(terms, bool) or not isinstance(terms, int) or not 0 <= terms <= 365:
        raise ApiError(400, "terms are days", "terms_days")
    fee = _fee(body.get("fee_percent"))
    with writing() as connection:
        if connection.execute("SELECT 1 FROM accounts WHERE account = ?", (account,)).fetchone():
            raise ApiError(409, "there is one of that name")
        connection.execute(
            "INSERT INTO accounts (account, name, fee_percent, terms_days, created_at) VALUES (?, ?, ?, ?, ?)",
            (account, name.strip(), fee, terms, stamp(now())),
        )
        journal(connection, account, "account made", account)
    return jsonify(_one(account)), 201


@blueprint.get("/accounts/<account>")
def read_account(account: str) -> Response:
    return jsonify(_one(account))


@blueprint.post("/accounts/<account>/close")
def close_account(account: str) -> Response:
    with writing() as connection:
        owed = _one(account)
        if owed["open_cents"]:
            raise ApiError(409, "something is still open")
        connection.execute("UPDATE accounts SET state = 'closed' WHERE account = ?", (account,))
        journal(connection, account, "account closed", account)
    return jsonify(_one(account))


@blueprint.get("/accounts/<account>/journal")
def read_journal(account: str) -> Response:
    _one(account)
    found = rows(db(), "SELECT at, what, subject FROM journal WHERE account = ? ORDER BY seq DESC LIMIT 50", account)
    return jsonify({"entries": [dict(row) for row in found]})


def _one(account: str) -> dict[str, Any]:
    found = rows(db(), f"{WITH_FIGURES} WHERE a.account = ? GROUP BY a.account", account)
    if not found:
        raise ApiError(404, "no such account")
    return _as_told(found[0])


def _as_told(row: Any) -> dict[str, Any]:
    told = {name: row[name] for name in ("account", "name", "state", "terms_days", "created_at")}
    told["fee_percent"] = None if row["fee_percent"] is None else float(row["fee_percent"])
    return told | {name: row[name] for name in ("open_cents", "paid_cents", "drafts")}


def _fee(told: Any) -> str | None:
    """A percentage, with at most two digits after the point; null for who is exempt."""
    if told is None:
        return None
    try:
        fee = Decimal(str(told))
    except InvalidOperation:
        fee = Decimal(-1)
    if isinstance(told, bool) or not 0 <= fee <= 100 or fee != fee.quantize(Decimal("0.01")):
        raise ApiError(400, "a fee is a percentage", "fee_percent")
    return f"{fee:f}"
