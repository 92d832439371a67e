"""Making orders, once per key.

Three things together make it exactly once:

- what runs now is in `_running`, so requests that come at the same time share one piece of work and its answer;
- what is done is one row with a unique intent, so a retry finds it, also after a restart;
- the key for the inventory service is computed from the intent and the stock, so whatever happens between the
  reservation and the commit (a timeout, a crash, a full disk), the next attempt gets the same reservation.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from orders.inventory import Inventory, OutOfStock, TooSlow, Unavailable
from orders.problems import Problem
from orders.store import Conflict, NewOrder, Order, Store, intent_of

log = logging.getLogger(__name__)

ANSWER_WITHIN = 2.8
MOST_AT_ONCE = 150


def _integer(value: Any) -> Any:
    """2.0 and 2e0 are integers in JSON Schema, and have the same JSON value as 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]{2,31}$")]
    quantity: Annotated[int, BeforeValidator(_integer), Field(ge=1, le=144)]
    note: Annotated[str, Field(max_length=240)] | None = None

    def fingerprint(self) -> bytes:
        """The same for the same JSON values. A note of null is not the same JSON value as no note."""
        return hashlib.sha256(json.dumps(self.model_dump(exclude_unset=True), sort_keys=True).encode()).digest()


def parse(body: bytes) -> Payload:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_int=_int)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails for lone surrogates, which are no text
    except (ValueError, RecursionError) as error:
        raise Problem(400, "not-json", "The body is not JSON.") from error
    try:
        return Payload.model_validate(value)
    except ValidationError as error:
        faults = [
            {"field": ".".join(map(str, fault["loc"])) or "(body)", "message": fault["msg"]}
            for fault in error.errors(include_input=False, include_url=False, include_context=False)[:10]
        ]
        raise Problem(422, "invalid-order", "The order breaks a rule.", errors=faults) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float("inf")  # out of every range here, and cheap


class Creation:
    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory
        self._running: dict[bytes, tuple[bytes, asyncio.Task[Order]]] = {}

    async def create(self, caller: str, key: str, payload: Payload) -> Order:
        intent, fingerprint = intent_of(caller, key), payload.fingerprint()
        # There is no await between looking and entering the task: nobody else can come between.
        if intent in self._running:
            other, task = self._running[intent]
            if other != fingerprint:
                raise _in_progress()
        else:
            order = self._store.by_intent(intent)
            if order is not None:
                return _same(order, fingerprint)
            if len(self._running) >= MOST_AT_ONCE:
                raise Problem(503, "busy", "Too many orders at once.", headers={"Retry-After": "1"})
            # A task of its own: it goes on when the caller hangs up.
            task = asyncio.create_task(self._make(intent, fingerprint, caller, payload))
            self._running[intent] = (fingerprint, task)
            task.add_done_callback(lambda done: self._done(intent, done))
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise _in_progress() from error

    def _done(self, intent: bytes, task: asyncio.Task[Order]) -> None:
        del self._running[intent]
        if not task.cancelled():
            task.exception()  # seen, even if every caller has gone

    async def _make(self, intent: bytes, fingerprint: bytes, caller: str, payload: Payload) -> Order:
        # The stock is part of it: after a 504 the same key may come with other stock, which needs another reservation.
        stock = json.dumps([payload.sku, payload.quantity]).encode()
        reservation_key = hashlib.sha256(intent + stock).hexdigest()
        try:
            reservation = await self._inventory.reserve(reservation_key, payload.sku, payload.quantity)
        except OutOfStock as error:
            detail = f"{payload.sku} is not available in the quantity asked for."
            raise Problem(409, "out-of-stock", detail) from error
        except Unavailable as error:
            detail = "The inventory service cannot be reached or fails. No order was made."
            raise Problem(503, "inventory-unavailable", detail, headers={"Retry-After": "1"}) from error
        except TooSlow as error:
            detail = "The inventory service did not answer in time. No order was made."
            raise Problem(504, "inventory-timeout", detail) from error
        new = NewOrder(intent, fingerprint, caller, reservation, payload.sku, payload.quantity, payload.note)
        try:
            return await self._store.add(new)
        except Conflict:
            order = self._store.by_intent(intent)
            if order is None:
                raise
            return _same(order, fingerprint)
        except sqlite3.Error as error:
            log.exception("an order could not be stored")
            raise Problem(503, "store-unavailable", "No order was made.", headers={"Retry-After": "1"}) from error

    async def finish(self) -> None:
        """Waits for what is still running; each is done within the inventory's budget."""
        if self._running:
            await asyncio.wait([task for _, task in self._running.values()], timeout=3.0)


def _same(order: Order, fingerprint: bytes) -> Order:
    if order.fingerprint != fingerprint:
        raise Problem(422, "key-reused", "The Idempotency-Key was used for another order.")
    return order.as_created()


def _in_progress() -> Problem:
    detail = "A request with this Idempotency-Key is still being worked on."
    return Problem(409, "in-progress", detail, headers={"Retry-After": "1"})
