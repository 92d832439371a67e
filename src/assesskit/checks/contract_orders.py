"""The order that the contract checks begin with."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, prepared

ORDERS = "/v1/orders"
NEW_ORDER: Mapping[str, Any] = {"sku": "TEA-0042", "quantity": 2}
RECOVERING = (429, 503, 504)
PATIENCE = 15.0
"""Seconds that a service gets to take orders again after what other checks did to its dependency."""
POLL = 0.25
_ID = re.compile(r"[\w.~-]{1,100}", re.ASCII)


def made_order(client: Client, bearer: Mapping[str, str]) -> Exchange:
    """Make one order; while the service says that it is still recovering, try again. The answer may be any other."""
    until = time.monotonic() + PATIENCE
    while True:
        headers = {**bearer, "Idempotency-Key": str(uuid.uuid4())}
        exchange = client.send(prepared("POST", ORDERS, headers=headers, json=NEW_ORDER))
        recovering = exchange.response is not None and exchange.response.status in RECOVERING
        if not recovering or time.monotonic() > until:
            return exchange
        time.sleep(POLL)


def order_path(answer: Response) -> str | None:
    """Where an order is, by the id in the answer that made it; None when that names none."""
    try:
        order = answer.json() if answer.status == 201 else None  # noqa: PLR2004
    except Failure:
        return None
    order_id = order.get("id") if isinstance(order, dict) else None
    return f"{ORDERS}/{order_id}" if isinstance(order_id, str) and _ID.fullmatch(order_id) else None
