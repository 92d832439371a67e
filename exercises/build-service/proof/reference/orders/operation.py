"""What the platform asks: alive, ready, figures, the document."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from orders import metrics
from orders.problems import Problem

if TYPE_CHECKING:
    from orders.inventory import Inventory
    from orders.store import Store

DOCUMENT = Path(__file__).with_name("openapi.json")
FRESH = 1.0
"""Seconds for which an answer about readiness holds, so that probes cost the inventory no more than one call in it."""


class Readiness:
    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._ready = False

    def now(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked > FRESH:
                self._ready = self._store.is_there() and self._inventory.is_there()
                self._asked = time.monotonic()
            return self._ready


def blueprint(readiness: Readiness) -> Blueprint:
    operation = Blueprint("operation", __name__)

    @operation.get("/livez")
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @operation.get("/readyz")
    def ready() -> dict[str, str]:
        if not readiness.now():
            raise Problem(503, "The store or the inventory service is not available")
        return {"status": "ready"}

    @operation.get("/metrics")
    def figures() -> Response:
        return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)

    @operation.get("/openapi.json")
    def document() -> Response:
        return Response(DOCUMENT.read_bytes(), content_type="application/json")

    return operation
