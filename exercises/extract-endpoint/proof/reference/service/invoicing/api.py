"""HTTP in, HTTP out. What is odd here is what clients of the monolith rely on; MIGRATION.md lists it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from invoicing import domain
from invoicing.domain import SETTLED, VOIDED, InvalidError, Wanted
from invoicing.monolith import MonolithError

if TYPE_CHECKING:
    from flask import Flask

    from invoicing.domain import Document
    from invoicing.invoices import Invoices
    from invoicing.store import Store

MAX_KEY = 137
MAX_PAGE, DEFAULT_PAGE = 188, 25
SILENT = ("shadow", "mirror")


def blueprint(store: Store, invoices: Invoices) -> Blueprint:
    api = Blueprint("invoices", __name__, url_prefix="/accounts/<account>/invoices")

    @api.get("")
    def page(account: str) -> Response:
        limit = min(_number("limit", DEFAULT_PAGE), MAX_PAGE)
        skip = (_number("page", 1) - 1) * limit
        found, total = store.page(account, request.args.get("status"), limit, skip)
        return _answer({"invoices": found, "total_count": total}, headers={"X-Total-Count": str(total)})

    @api.post("")
    def make(account: str) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is not None and not 1 <= len(key) <= MAX_KEY:
            raise InvalidError(f"an Idempotency-Key has 1 to {MAX_KEY} characters")
        if (known := invoices.made_with(account, key)) is not None:
            return _answer(known)
        invoice, new = invoices.make(account, key, lambda: Wanted.parse(_body()), silent=_silent())
        if not new:
            return _answer(invoice)
        return _answer(invoice, 201, {"Location": f"/accounts/{account}/invoices/{invoice['id']}"})

    @api.get("/<invoice_id>")
    def read(account: str, invoice_id: str) -> Response:
        return _answer(store.get(account, invoice_id))

    @api.post("/<invoice_id>/issue")
    def issue(account: str, invoice_id: str) -> Response:
        return _answer(invoices.issue(account, invoice_id, silent=_silent()))

    @api.post("/<invoice_id>/settle")
    def settle(account: str, invoice_id: str) -> Response:
        return _answer(invoices.end(account, invoice_id, SETTLED, silent=_silent()))

    @api.post("/<invoice_id>/void")
    def void(account: str, invoice_id: str) -> Response:
        return _answer(invoices.end(account, invoice_id, VOIDED, silent=_silent()))

    return api


def install_errors(app: Flask) -> None:
    """Every failure as the monolith tells it."""
    app.register_error_handler(InvalidError, lambda error: _failed(400, str(error), error.field))
    app.register_error_handler(domain.UnknownError, lambda error: _failed(404, str(error)))
    app.register_error_handler(domain.StateError, lambda error: _failed(409, f"the invoice is {error}"))
    app.register_error_handler(domain.ClosedError, lambda _: _failed(410, "the account is closed"))
    app.register_error_handler(MonolithError, lambda _: _failed(503, "the accounts cannot be asked just now"))
    app.register_error_handler(HTTPException, lambda error: _failed(error.code or 500, error.description or ""))


def _answer(body: Document, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json")


def _failed(status: int, message: str, field: str | None = None) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return _answer({"error": message} | ({"field": field} if field else {}), status, headers)


def _silent() -> bool:
    return request.headers.get("Rollout-Mode", "live").strip().lower() in SILENT


def _body() -> object:
    return request.get_json(silent=True, force=True)


def _number(name: str, usual: int) -> int:
    told = request.args.get(name, "")
    return int(told) if told.isascii() and told.isdigit() and 1 <= int(told) < 10**9 else usual
