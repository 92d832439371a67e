"""The figures of the month, for people with ties. Everything is counted from the tables of others."""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from backoffice.database import db, now, rows
from backoffice.errors import ApiError

blueprint = Blueprint("reports", __name__, url_prefix="/reports")

MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


@blueprint.get("/months/<month>")
def month(month: str) -> Response:
    if not MONTH.fullmatch(month):
        raise ApiError(400, "a month is written 2026-03")
    query = """
    SELECT status, count(*) AS count, sum(net_cents) AS net_cents, sum(coalesce(fee_cents, 0)) AS fee_cents
    FROM invoices WHERE substr(coalesce(issued_at, created_at), 1, 7) = ? GROUP BY status ORDER BY status
    """
    found = rows(db(), query, month)
    return jsonify({"month": month, "by_status": [dict(row) for row in found]})


@blueprint.get("/overdue")
def overdue() -> Response:
    today = request.args.get("on") or f"{now():%Y-%m-%d}"
    query = """
    SELECT i.account, a.name, count(*) AS count, sum(i.net_cents + coalesce(i.fee_cents, 0)) AS open_cents,
        min(i.due_on) AS oldest
    FROM invoices i JOIN accounts a ON a.account = i.account
    WHERE i.status = 'issued' AND i.due_on < ? GROUP BY i.account ORDER BY open_cents DESC, i.account LIMIT 20
    """
    return jsonify({"on": today, "accounts": [dict(row) for row in rows(db(), query, today)]})


@blueprint.get("/items")
def best_items() -> Response:
    query = """
    SELECT l.item, coalesce(t.title, '(unknown)') AS title, count(*) AS lines, sum(l.amount_cents) AS amount_cents
    FROM invoice_lines l JOIN invoices i ON i.id = l.invoice LEFT JOIN items t ON t.item = l.item
    WHERE i.status IN ('issued', 'settled') GROUP BY l.item ORDER BY amount_cents DESC, l.item LIMIT 20
    """
    return jsonify({"items": [dict(row) for row in rows(db(), query)]})
