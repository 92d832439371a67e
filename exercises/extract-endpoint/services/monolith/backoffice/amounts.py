"""Money. Everything is in cents, and every cent counts: the auditors have asked twice."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from backoffice.errors import ApiError

MAX_UNIT = 10_000_000
MAX_QUANTITY = 9999


def line_amount(quantity: Decimal, unit_cents: int, discount_percent: int) -> int:
    """A line is rounded by itself, to the even neighbour, as the spreadsheet did it that this replaced."""
    exact = quantity * unit_cents * (100 - discount_percent) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


def fee_amount(net_cents: int, fee_percent: str | None) -> int | None:
    """The fee is rounded once, on the sum, and up: that is in the contracts. None: exempt, which is not a fee of 0."""
    if fee_percent is None:
        return None
    return int((net_cents * Decimal(fee_percent) / 100).quantize(Decimal(1), ROUND_HALF_UP))


def quantity_of(told: Any, where: str) -> Decimal:
    """A number, or (the old handhelds) a text with one; at most three digits after the point."""
    if isinstance(told, bool) or not isinstance(told, (int, float, str)):
        raise ApiError(400, "a quantity is a number", f"{where}.quantity")
    try:
        quantity = Decimal(str(told).strip())
    except InvalidOperation:
        raise ApiError(400, "a quantity is a number", f"{where}.quantity") from None
    if not quantity.is_finite() or not 0 < quantity <= MAX_QUANTITY:
        raise ApiError(400, f"a quantity is more than 0 and at most {MAX_QUANTITY}", f"{where}.quantity")
    if quantity != quantity.quantize(Decimal("0.001")):
        raise ApiError(400, "a quantity has at most three digits after the point", f"{where}.quantity")
    return quantity.normalize()


def shown(quantity: str) -> int | float:
    """As a whole number where it is one."""
    exact = Decimal(quantity)
    return int(exact) if exact == exact.to_integral_value() else float(exact)
