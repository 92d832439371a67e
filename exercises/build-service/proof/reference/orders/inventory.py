"""The inventory service, seen from here: every call ends in time."""

from __future__ import annotations

import json
import time

import requests
from opentelemetry import propagate, trace
from requests.adapters import HTTPAdapter

from orders.domain import InventoryTimeoutError, InventoryUnavailableError, OutOfStockError

CONNECT, READ, TOTAL = 0.5, 2.0, 2.5
"""Seconds: to connect, between two bytes, and in all."""
HEALTH = 1.0
LARGEST_ANSWER = 4096

tracer = trace.get_tracer(__name__)


class Inventory:
    def __init__(self, url: str, connections: int) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=connections))

    def reserve(self, key: str, sku: str, quantity: int) -> str:
        """Reserve goods, once per key, and return the reservation's id.

        Raises OutOfStockError, InventoryTimeoutError (it may have been done), InventoryUnavailableError.
        """
        with tracer.start_as_current_span("POST /reservations", kind=trace.SpanKind.CLIENT) as span:
            headers = {"Idempotency-Key": key}
            propagate.inject(headers)
            status, body = self._post("/reservations", {"sku": sku, "quantity": quantity}, headers)
            span.set_attribute("http.response.status_code", status)
            return _reservation(status, body)

    def is_there(self) -> bool:
        try:
            return self._session.get(f"{self._url}/healthz", timeout=HEALTH, allow_redirects=False).ok
        except requests.RequestException:
            return False

    def _post(self, path: str, payload: dict[str, object], headers: dict[str, str]) -> tuple[int, bytes]:
        deadline = time.monotonic() + TOTAL
        try:
            with self._session.post(
                self._url + path,
                json=payload,
                headers=headers,
                timeout=(CONNECT, READ),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, _body(response, deadline)
        except requests.Timeout as error:
            raise InventoryTimeoutError from error
        except requests.RequestException as error:
            raise InventoryUnavailableError(type(error).__name__) from error


def _body(response: requests.Response, deadline: float) -> bytes:
    """Byte by byte from the buffer, because a timeout of requests starts anew with every byte that arrives."""
    body = bytearray()
    for byte in response.iter_content(1):
        body += byte
        if time.monotonic() > deadline:
            raise InventoryTimeoutError
        if len(body) > LARGEST_ANSWER:
            raise InventoryUnavailableError("the answer is too large")
    return bytes(body)


def _reservation(status: int, body: bytes) -> str:
    if status == requests.codes.conflict:
        raise OutOfStockError
    if status != requests.codes.created:
        raise InventoryUnavailableError(f"status {status}")
    try:
        return str(json.loads(body)["reservation_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise InventoryUnavailableError("the answer makes no sense") from error
