"""What callers can do with orders, step by step."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orders.domain import (
    CANCELLED,
    AlreadyCancelledError,
    InventoryTimeoutError,
    InventoryUnavailableError,
    NewOrder,
    Order,
    OutOfStockError,
    OverloadedError,
    StateChangedError,
    UnknownOrderError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orders.inventory import Inventory
    from orders.store import Store


class Ordering:
    def __init__(
        self, store: Store, inventory: Inventory, at_once: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._room = threading.BoundedSemaphore(at_once)
        self._clock = clock

    def place(self, caller: str, key: str, new: NewOrder) -> Order:
        """Make an order, or find the one that the key has made.

        Raises OverloadedError, KeyReusedError, InProgressError and what Inventory.reserve raises.
        """
        if not self._room.acquire(blocking=False):  # who waited here would be answered late, and keep readers waiting
            raise OverloadedError
        try:
            return self._place(caller, key, new)
        finally:
            self._room.release()

    def _place(self, caller: str, key: str, new: NewOrder) -> Order:
        """Claim the key, reserve, store. The reservation's own key is the order's id, which the claim has fixed."""
        claim = self._store.claim(caller, key, new, self._clock())
        if isinstance(claim, Order):
            return claim
        try:
            reservation = self._inventory.reserve(claim.order_id, new.sku, new.quantity)
        except (OutOfStockError, InventoryTimeoutError, InventoryUnavailableError):
            self._store.release(claim)
            raise
        return self._store.confirm(claim, new, reservation, self._now())

    def read(self, order_id: str) -> Order:
        """Raises UnknownOrderError."""
        order = self._store.get(order_id)
        if order is None:
            raise UnknownOrderError
        return order

    def cancel(self, order_id: str, is_expected: Callable[[Order], bool]) -> Order:
        """Raises UnknownOrderError, StateChangedError, AlreadyCancelledError."""
        order = self.read(order_id)
        if not is_expected(order):
            raise StateChangedError
        if order.status == CANCELLED:
            raise AlreadyCancelledError
        self._store.cancel(order)
        return self.read(order_id)

    def page(self, limit: int, before: int | None) -> tuple[list[Order], int | None]:
        """A page of orders, and where the next one goes on if there is one."""
        found = self._store.newest(limit + 1, before)
        page = found[:limit]
        return [order for _, order in page], page[-1][0] if len(found) > limit else None

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
