"""What an invoice is and what may become of it. Knows neither HTTP nor SQL.

An invoice is the document that clients read; what is null in it and what is absent is part of it. Rounding, cuts and
defaults are the monolith's, because clients rely on them: MIGRATION.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

Document = dict[str, Any]

MAX_LINES = 71
MAX_MEMO = 236
MAX_UNIT = 10_000_000
MAX_QUANTITY = 9999

DRAFT, ISSUED, SETTLED, VOIDED = "draft", "issued", "settled", "voided"
MAY_END = {SETTLED: {ISSUED}, VOIDED: {DRAFT, ISSUED}}


class InvalidError(Exception):
    """The request's body breaks a rule; `field` says where."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnknownError(Exception):
    """There is no such account or invoice."""


class ClosedError(Exception):
    """The account is closed."""


class StateError(Exception):
    """The invoice is in a state that does not allow this."""


@dataclass(frozen=True)
class Account:
    """What the monolith says of an account; `fee_percent` None is exempt."""

    account: str
    closed: bool
    fee_percent: Decimal | None
    terms_days: int


@dataclass(frozen=True)
class Wanted:
    """A request to make an invoice, as valid lines with their amounts. `memo_given` tells null from absent."""

    lines: tuple[Document, ...]
    memo: str | None
    memo_given: bool

    @classmethod
    def parse(cls, body: object) -> Wanted:
        """Raises InvalidError."""
        if not isinstance(body, dict):
            raise InvalidError("the body must be a JSON object")
        lines = body.get("lines")
        if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
            raise InvalidError(f"1 to {MAX_LINES} lines are needed", "lines")
        memo = body.get("memo")
        if memo is not None and not isinstance(memo, str):
            raise InvalidError("a memo is text", "memo")
        memo = (memo or "").strip()[:MAX_MEMO] or None
        return cls(tuple(_line(line, f"lines[{at}]") for at, line in enumerate(lines)), memo, "memo" in body)


def make(wanted: Wanted, account: Account, invoice_id: str, now: datetime) -> Document:
    """A new draft. Raises ClosedError."""
    if account.closed:
        raise ClosedError
    net = sum(line["amount_cents"] for line in wanted.lines)
    fee = _fee(net, account.fee_percent)
    invoice: Document = {
        "id": invoice_id,
        "account": account.account,
        "status": DRAFT,
        "version": 1,
        "lines": list(wanted.lines),
        "net_cents": net,
    }
    if fee is not None:
        invoice["fee_cents"] = fee
    invoice["total_cents"] = net + (fee or 0)
    if wanted.memo_given:
        invoice["memo"] = wanted.memo
    return invoice | {"created_at": stamp(now)}


def issue(invoice: Document, account: Account, running: int, now: datetime) -> Document:
    """The draft with its number. Raises StateError."""
    if invoice["status"] != DRAFT:
        raise StateError(invoice["status"])
    return invoice | {
        "status": ISSUED,
        "version": invoice["version"] + 1,
        "number": f"{invoice['account']}/{running:04}",
        "issued_at": stamp(now),
        "due_on": f"{now + timedelta(days=account.terms_days):%Y-%m-%d}",
        "settled_at": None,
    }


def end(invoice: Document, status: str, now: datetime) -> Document:
    """The invoice in its end state; unchanged if it is there already. Raises StateError."""
    if invoice["status"] == status:
        return invoice
    if invoice["status"] not in MAY_END[status]:
        raise StateError(invoice["status"])
    return invoice | {"status": status, "version": invoice["version"] + 1, f"{status}_at": stamp(now)}


def running_number(invoice: Document) -> int | None:
    """The running number within the account, once there is one."""
    return int(invoice["number"].rpartition("/")[2]) if "number" in invoice else None


def moment() -> datetime:
    """Now."""
    return datetime.now(UTC)


def stamp(now: datetime) -> str:
    """Times as clients know them: UTC, with a space and without a zone."""
    return f"{now:%Y-%m-%d %H:%M:%S}"


def _line(line: object, where: str) -> Document:
    if not isinstance(line, dict):
        raise InvalidError("a line is an object", where)
    item = line.get("item")
    if not isinstance(item, str) or not item.strip():
        raise InvalidError("an item is needed", f"{where}.item")
    quantity = _quantity(line.get("quantity"), where)
    unit = line.get("unit_cents")
    if not _is_whole(unit) or not 0 <= unit <= MAX_UNIT:
        raise InvalidError(f"whole cents, at most {MAX_UNIT}", f"{where}.unit_cents")
    discount = line.get("discount_percent") or 0
    if not _is_whole(discount) or not 0 <= discount <= 100:
        raise InvalidError("a discount is a whole number up to 100", f"{where}.discount_percent")
    exact = quantity * unit * (100 - discount) / 100
    told: Document = {
        "item": item.strip().upper(),
        "quantity": int(quantity) if quantity == quantity.to_integral_value() else float(quantity),
        "unit_cents": unit,
        "amount_cents": int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)),
    }
    return told | ({"discount_percent": discount} if discount else {})


def _quantity(told: object, where: str) -> Decimal:
    where = f"{where}.quantity"
    if isinstance(told, bool) or not isinstance(told, (int, float, str)):
        raise InvalidError("a quantity is a number", where)
    try:
        quantity = Decimal(str(told).strip())
    except InvalidOperation:
        raise InvalidError("a quantity is a number", where) from None
    if not quantity.is_finite() or not 0 < quantity <= MAX_QUANTITY:
        raise InvalidError(f"a quantity is more than 0 and at most {MAX_QUANTITY}", where)
    if quantity != quantity.quantize(Decimal("0.001")):
        raise InvalidError("a quantity has at most three digits after the point", where)
    return quantity


def _is_whole(told: Any) -> bool:
    return isinstance(told, int) and not isinstance(told, bool)


def _fee(net: int, percent: Decimal | None) -> int | None:
    if percent is None:
        return None
    return int((net * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
