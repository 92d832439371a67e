"""Every error as a problem document (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.exceptions import HTTPException

from orders import auth, domain

if TYPE_CHECKING:
    from flask import Flask

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="orders", error="invalid_token"'}
SOON = {"Retry-After": "1"}
PROBLEMS: dict[type[Exception], tuple[int, str, dict[str, str]]] = {
    auth.NotAuthenticatedError: (401, "A valid token is needed", CHALLENGE),
    auth.NotAllowedError: (403, "The token lacks the scope", {}),
    domain.UnknownOrderError: (404, "No such order", {}),
    domain.OutOfStockError: (409, "Out of stock", {}),
    domain.AlreadyCancelledError: (409, "The order was cancelled before", {}),
    domain.InProgressError: (409, "A request with this Idempotency-Key is being worked on", SOON),
    domain.StateChangedError: (412, "The order is not in the state that If-Match names", {}),
    domain.KeyReusedError: (422, "This Idempotency-Key was used for another order", {}),
    domain.InvalidOrderError: (422, "The order breaks a rule", {}),
    domain.InventoryUnavailableError: (503, "The inventory service is not available", SOON),
    domain.InventoryTimeoutError: (504, "The inventory service did not answer in time", {}),
    domain.OverloadedError: (503, "Too many orders are being made at once", SOON),
}


class Problem(Exception):  # noqa: N818  the name of RFC 9457
    """A fault of the request itself."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


def document(status: int, title: str, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    body = {"type": "about:blank", "title": title, "status": status}
    if detail:
        body["detail"] = detail
    return Response(json.dumps(body), status, headers or {}, content_type="application/problem+json")


def install(app: Flask) -> None:
    for kind, (status, title, headers) in PROBLEMS.items():
        app.register_error_handler(
            kind, lambda error, s=status, t=title, h=headers: document(s, t, detail=str(error), headers=h)
        )
    app.register_error_handler(Problem, lambda problem: document(problem.status, problem.title))
    app.register_error_handler(HTTPException, _of_framework)


def _of_framework(error: HTTPException) -> Response:
    """What Flask answers by itself: 404, 405, 413, and 500 for what nobody caught."""
    status = error.code or 500
    allow = error.get_response().headers.get("Allow")
    return document(status, HTTPStatus(status).phrase, headers={"Allow": allow} if allow else None)
