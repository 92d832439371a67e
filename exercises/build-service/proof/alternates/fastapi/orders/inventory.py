"""The inventory service, which is often quick, sometimes slow and sometimes not there."""

from __future__ import annotations

import asyncio
import logging
import time

import httpx
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from orders import telemetry

log = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

# 1.5 seconds are normal and an answer is due within 3: what is left is for us and for a busy machine.
BUDGET = 2.3
# A refused or broken connection may be bad luck. Trying again is safe, since the key stays the same.
PAUSES = (0.05, 0.25)
# Calls that work earn some of these tries, so an inventory service in trouble is not asked twice as often by us.
MOST_SAVED = 8.0
EARNED = 0.5
HEALTH_TIMEOUT = 2.0


class OutOfStock(Exception):
    pass


class Unavailable(Exception):
    """It cannot be reached, or fails."""


class TooSlow(Exception):
    """It did not answer within the budget."""


class Inventory:
    def __init__(self, url: str) -> None:
        self._url = url
        self._saved = MOST_SAVED
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=BUDGET,
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=4.0),
        )
        # A kept connection may outlive the service behind it, so health is asked on a new one every time.
        self._health = httpx.AsyncClient(
            trust_env=False, timeout=HEALTH_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def close(self) -> None:
        await self._client.aclose()
        await self._health.aclose()

    async def reserve(self, key: str, sku: str, quantity: int) -> str:
        """Reserves the stock and returns the id of the reservation; once per key, however often it is asked."""
        started = time.monotonic()
        with tracer.start_as_current_span(
            "POST /reservations",
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": "POST", "url.full": f"{self._url}/reservations", "order.sku": sku},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            outcome = "failed"
            try:
                async with asyncio.timeout(BUDGET):
                    reservation = await self._reserve(span, key, {"sku": sku, "quantity": quantity})
                outcome = "reserved"
                return reservation
            except OutOfStock:
                outcome = "out_of_stock"
                raise
            except (TimeoutError, httpx.TimeoutException) as error:
                outcome = "timeout"
                span.set_status(Status(StatusCode.ERROR, "timeout"))
                log.warning("the inventory service did not answer in time", extra={"budget_s": BUDGET})
                raise TooSlow from error
            except Unavailable as error:
                outcome = "unavailable"
                span.set_status(Status(StatusCode.ERROR, str(error)))
                log.warning("the inventory service is unavailable", extra={"reason": str(error)})
                raise
            finally:
                telemetry.RESERVATIONS.labels(outcome).observe(time.monotonic() - started)

    async def _reserve(self, span: trace.Span, key: str, body: dict[str, object]) -> str:
        headers = {"Idempotency-Key": key}
        propagate.inject(headers)
        for pause in (*PAUSES, None):
            try:
                response = await self._client.post(f"{self._url}/reservations", json=body, headers=headers)
                span.set_attribute("http.response.status_code", response.status_code)
                if response.status_code in (200, 201) and (reservation := _reservation_id(response)):
                    self._earn()
                    return reservation
                if response.status_code == 409:
                    self._earn()
                    raise OutOfStock
                problem = f"it answered {response.status_code} and no reservation"
                if 400 <= response.status_code < 500 and response.status_code != 429:
                    raise Unavailable(problem)  # asking again would not help
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as error:
                problem = repr(error)
            if pause is None or self._saved < 1:
                raise Unavailable(problem)
            self._saved -= 1
            span.add_event("retry", {"reason": problem})
            await asyncio.sleep(pause)
        raise AssertionError("the last pause is None")

    def _earn(self) -> None:
        self._saved = min(MOST_SAVED, self._saved + EARNED)

    async def healthy(self) -> None:
        """Raises when the inventory service is not there."""
        async with asyncio.timeout(HEALTH_TIMEOUT):
            try:
                response = await self._health.get(f"{self._url}/healthz")
            except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                await asyncio.sleep(0.2)  # one broken connection does not take us out of the rotation
                response = await self._health.get(f"{self._url}/healthz")
        if response.status_code != 200:
            raise Unavailable(f"it answered {response.status_code}")


def _reservation_id(response: httpx.Response) -> str | None:
    try:
        value = response.json()["reservation_id"]
    except (ValueError, LookupError, TypeError):
        return None
    return value if isinstance(value, str) and value else None
