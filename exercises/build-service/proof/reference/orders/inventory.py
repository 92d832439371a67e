"""The inventory service, seen from here: every call ends in time, and few are repeated."""

from __future__ import annotations

import json
import random
import time

import requests
import urllib3
from opentelemetry import propagate, trace
from requests.adapters import HTTPAdapter

from orders.domain import InventoryTimeoutError, InventoryUnavailableError, OutOfStockError
from orders.retries import Retries

CONNECT, READ, TOTAL = 0.5, 2.0, 2.5
"""Seconds: to connect, until the answer begins, and in all."""
PAUSE = 0.1
"""Seconds before a second try, at most; by chance, so that those who failed together do not come back together."""
HEALTH = 1.0
LARGEST_ANSWER = 4096

tracer = trace.get_tracer(__name__)


class Inventory:
    def __init__(self, url: str, connections: int) -> None:
        self._url = url.rstrip("/")
        self._retries = Retries()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=connections))

    def reserve(self, key: str, sku: str, quantity: int) -> str:
        """Reserve stock, once per key, and return the reservation's id.

        Raises OutOfStockError, InventoryTimeoutError (it may have been done), InventoryUnavailableError.
        """
        with tracer.start_as_current_span("POST /reservations", kind=trace.SpanKind.CLIENT) as span:
            headers = {"Idempotency-Key": key}
            propagate.inject(headers)
            status, body = self._call("/reservations", {"sku": sku, "quantity": quantity}, headers)
            span.set_attribute("http.response.status_code", status)
            return _reservation(status, body)

    def is_there(self) -> bool:
        try:
            return self._session.get(f"{self._url}/healthz", timeout=HEALTH, allow_redirects=False).ok
        except requests.RequestException:
            return False

    def _call(self, path: str, payload: dict[str, object], headers: dict[str, str]) -> tuple[int, bytes]:
        """Post, and once more where that failed and both the time and the other calls allow it."""
        deadline = time.monotonic() + TOTAL
        self._retries.earn()
        try:
            status, body = self._post(path, payload, headers, deadline)
            if status < requests.codes.server_error or not self._may_repeat(deadline):
                return status, body
        except InventoryUnavailableError:
            if not self._may_repeat(deadline):
                raise
        return self._post(path, payload, headers, deadline)

    def _may_repeat(self, deadline: float) -> bool:
        pause = random.uniform(0, PAUSE)
        if time.monotonic() + pause + READ > deadline or not self._retries.spend():
            return False
        time.sleep(pause)
        return True

    def _post(
        self, path: str, payload: dict[str, object], headers: dict[str, str], deadline: float
    ) -> tuple[int, bytes]:
        try:
            with self._session.post(
                self._url + path,
                json=payload,
                headers=headers,
                timeout=(CONNECT, min(READ, deadline - time.monotonic())),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, _body(response, deadline)
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise InventoryTimeoutError from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise InventoryUnavailableError(type(error).__name__) from error


def _body(response: requests.Response, deadline: float) -> bytes:
    """Piece by piece, each in the time that is left: a timeout of requests starts anew with every byte that arrives."""
    body = bytearray()
    while len(body) <= LARGEST_ANSWER:
        if (left := deadline - time.monotonic()) <= 0:
            raise InventoryTimeoutError
        connection = response.raw.connection  # given back with the last byte; without a socket if it closes then
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(left)
        piece = response.raw.read1(LARGEST_ANSWER)
        if not piece:
            return bytes(body)
        body += piece
    raise InventoryUnavailableError("the answer is too large")


def _reservation(status: int, body: bytes) -> str:
    if status == requests.codes.conflict:
        raise OutOfStockError
    if status != requests.codes.created:
        raise InventoryUnavailableError(f"status {status}")
    try:
        return str(json.loads(body)["reservation_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise InventoryUnavailableError("the answer makes no sense") from error
