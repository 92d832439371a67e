"""The lines of a request, checked and priced."""

from typing import Any

from shop.money import NotANumberError, thousandths, to_even

MOST_LINES = 71
LONGEST_MEMO = 236
MOST_CENTS = 10_000_000
MOST_THOUSANDTHS = 9_999_000


class Wrong(Exception):
    """What is wrong with a request, and where in its body."""

    def __init__(self, status: int, error: str, field: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **({"field": field} if field else {})}


def read(body: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Priced lines, and the memo as a field that is there or not."""
    if not isinstance(body, dict):
        raise Wrong(400, "an object is needed")
    told = body.get("lines")
    if not isinstance(told, list) or not 0 < len(told) <= MOST_LINES:
        raise Wrong(400, f"1 to {MOST_LINES} lines", "lines")
    memo = body.get("memo")
    if not isinstance(memo, str | None):
        raise Wrong(400, "text is needed", "memo")
    kept = {"memo": (memo or "").strip()[:LONGEST_MEMO] or None} if "memo" in body else {}
    return [_line(each, f"lines[{at}]") for at, each in enumerate(told)], kept


def _line(told: Any, where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise Wrong(400, "an object is needed", where)
    item, unit, discount = told.get("item"), told.get("unit_cents"), told.get("discount_percent") or 0
    if not isinstance(item, str) or not item.strip():
        raise Wrong(400, "text is needed", f"{where}.item")
    try:
        quantity = thousandths(told.get("quantity"))
    except NotANumberError as error:
        raise Wrong(400, str(error), f"{where}.quantity") from None
    if not 0 < quantity <= MOST_THOUSANDTHS:
        raise Wrong(400, "more than 0, at most 9999", f"{where}.quantity")
    if type(unit) is not int or not 0 <= unit <= MOST_CENTS:
        raise Wrong(400, "whole cents are needed", f"{where}.unit_cents")
    if type(discount) is not int or not 0 <= discount <= 100:
        raise Wrong(400, "0 to 100", f"{where}.discount_percent")
    line = {
        "item": item.strip().upper(),
        "quantity": quantity // 1000 if quantity % 1000 == 0 else quantity / 1000,
        "unit_cents": unit,
        "amount_cents": to_even(quantity * unit * (100 - discount), 100_000),
    }
    return {**line, "discount_percent": discount} if discount else line
