"""The operations below /v1: HTTP in, HTTP out, nothing decided here."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from orders.domain import NewOrder, Order
from orders.problems import Problem

if TYPE_CHECKING:
    from orders.auth import Gateway
    from orders.ordering import Ordering

KEY = re.compile(r"[!-~]{1,140}")
MAX_LIMIT, DEFAULT_LIMIT = 72, 18


def blueprint(ordering: Ordering, gateway: Gateway) -> Blueprint:
    api = Blueprint("orders", __name__, url_prefix="/v1/orders")

    def caller(scope: str) -> str:
        return gateway.caller(request.headers.get("Authorization", ""), scope)

    @api.post("")
    def create() -> Response:
        subject = caller("orders:write")
        payload = _json_body()
        order = ordering.place(subject, _idempotency_key(), NewOrder.parse(payload))
        return _answer(order, 201, {"Location": f"/v1/orders/{order.id}"})

    @api.get("")
    def page() -> Response:
        caller("orders:read")
        orders, position = ordering.page(_limit(), _position(request.args.get("cursor")))
        body = {"items": [_public(order) for order in orders], "next_cursor": _cursor(position)}
        return Response(json.dumps(body), content_type="application/json")

    @api.get("/<order_id>")
    def read(order_id: str) -> Response:
        caller("orders:read")
        order = ordering.read(order_id)
        if request.if_none_match.contains_weak(_tag(order)):
            return Response(status=304, headers={"ETag": f'"{_tag(order)}"'})
        return _answer(order)

    @api.post("/<order_id>/cancel")
    def cancel(order_id: str) -> Response:
        caller("orders:write")
        ordering.read(order_id)
        if "If-Match" not in request.headers:
            raise Problem(428, "If-Match is needed")
        return _answer(ordering.cancel(order_id, lambda order: request.if_match.contains(_tag(order))))

    return api


def _answer(order: Order, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    headers = {"ETag": f'"{_tag(order)}"', **(headers or {})}
    return Response(json.dumps(_public(order)), status, headers, content_type="application/json")


def _public(order: Order) -> dict[str, object]:
    return {name: value for name, value in asdict(order).items() if name != "version"}


def _tag(order: Order) -> str:
    return str(order.version)


def _json_body() -> object:
    if request.mimetype != "application/json":
        raise Problem(415, "The body must be application/json")
    try:
        return json.loads(request.get_data().decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The body is not JSON") from error


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are Python's JSON, not RFC 8259's


def _idempotency_key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise Problem(400, "An Idempotency-Key of 1 to 140 printable characters is needed")
    return key


def _limit() -> int:
    limit = request.args.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise Problem(422, f"limit must be a whole number from 1 to {MAX_LIMIT}")
    return int(limit)


def _cursor(position: int | None) -> str | None:
    if position is None:
        return None
    return base64.urlsafe_b64encode(position.to_bytes(8, "big")).decode().rstrip("=")


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{11}", cursor):
        raise Problem(400, "The cursor is not one of ours")
    position = int.from_bytes(base64.urlsafe_b64decode(cursor + "="), "big")
    if position >= 2**63:
        raise Problem(400, "The cursor is not one of ours")
    return position
