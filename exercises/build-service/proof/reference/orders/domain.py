"""What an order is and what may be done with it. Knows neither HTTP nor SQL."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace

SKU = re.compile(r"[A-Z0-9][A-Z0-9-]{2,31}")
MAX_QUANTITY = 144
MAX_NOTE = 240
CONFIRMED = "confirmed"
CANCELLED = "cancelled"


class InvalidOrderError(Exception):
    """The wish for an order breaks a rule; the message names the field."""


class OutOfStockError(Exception):
    """The inventory has not enough."""


class InventoryUnavailableError(Exception):
    """The inventory cannot be reached, or what it says makes no sense."""


class InventoryTimeoutError(Exception):
    """The inventory did not answer in time."""


class OverloadedError(Exception):
    """More orders are being made at once than there is room for."""


class InProgressError(Exception):
    """Another request with this key is being worked on."""


class KeyReusedError(Exception):
    """The key was used for another order."""


class UnknownOrderError(Exception):
    """There is no such order."""


class StateChangedError(Exception):
    """The order is not in the state the caller knows."""


class AlreadyCancelledError(Exception):
    """The order was cancelled before."""


@dataclass(frozen=True)
class NewOrder:
    sku: str
    quantity: int
    note: str | None = None

    @classmethod
    def parse(cls, value: object) -> NewOrder:
        """Raises InvalidOrderError."""
        if not isinstance(value, dict):
            raise InvalidOrderError("the body must be an object")
        unknown = value.keys() - {"sku", "quantity", "note"}
        if unknown:
            raise InvalidOrderError("only sku, quantity and note are known")
        return cls(sku=_sku(value.get("sku")), quantity=_quantity(value.get("quantity")), note=_note(value.get("note")))

    def fingerprint(self) -> str:
        """The same for payloads with the same JSON values, however they were written down."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Order:
    id: str
    sku: str
    quantity: int
    note: str | None
    status: str
    created_at: str
    version: int

    def as_made(self) -> Order:
        """The order as it was when it was made: what a retry of the request that made it has to see."""
        return replace(self, status=CONFIRMED, version=1)


def _sku(value: object) -> str:
    if not isinstance(value, str) or not SKU.fullmatch(value):
        raise InvalidOrderError("sku must be 3 to 32 capital letters, digits and hyphens, and not begin with a hyphen")
    return value


def _quantity(value: object) -> int:
    if isinstance(value, float) and value.is_integer():  # JSON knows one kind of number: 3.0 is 3
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_QUANTITY:
        raise InvalidOrderError(f"quantity must be a whole number from 1 to {MAX_QUANTITY}")
    return value


def _note(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_NOTE or not _is_text(value):
        raise InvalidOrderError(f"note must be a text of at most {MAX_NOTE} characters, or null")
    return value


def _is_text(value: str) -> bool:
    """False for halves of surrogate pairs, which JSON can spell and UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
