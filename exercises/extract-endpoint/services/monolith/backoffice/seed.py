"""What is in the database when it is new: the same every time."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal

from backoffice.amounts import fee_amount, line_amount
from backoffice.database import stamp
from backoffice.invoicing import record_change, write_lines

SEED = 20_260_301
ACCOUNTS = 36
INVOICES = 320
BEGINS = datetime(2025, 9, 1, 8, 0, 0)  # noqa: DTZ001  times of ours have no zone
FEES = ("2.5", "7.25", "0", None, "1.75", "10")
UNITS = (5, 25, 99, 105, 250, 333, 1005, 1999, 12_345, 79_950)
QUANTITIES = ("1", "2", "3", "0.5", "1.5", "2.25", "0.333", "12", "1.125")
WORDS = ("as agreed", "second part", "see letter", "by hand", "urgent", "for the branch")


def fill(connection: sqlite3.Connection) -> None:
    draw = random.Random(SEED)
    connection.execute("BEGIN")
    for at in range(ACCOUNTS):
        connection.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)",
            (
                account_of(at),
                f"Trader {at + 1}",
                "closed" if at % 12 == 11 else "open",
                FEES[at % len(FEES)],
                (14, 30, 10)[at % 3],
                stamp(BEGINS - timedelta(days=at)),
            ),
        )
    connection.executemany(
        "INSERT INTO items VALUES (?, ?, ?, ?)",
        [(f"ITEM-{at:03}", f"Item {at}", UNITS[at % len(UNITS)], at % 17 == 16) for at in range(60)],
    )
    for at in range(INVOICES):
        _invoice(connection, draw, at)
    connection.execute("COMMIT")


def account_of(at: int) -> str:
    return f"A-{1001 + at}"


def _invoice(connection: sqlite3.Connection, draw: random.Random, at: int) -> None:
    """One invoice, with all the steps it went through: the feed has one change for each."""
    account = account_of(draw.randrange(ACCOUNTS))
    terms, percent = connection.execute(
        "SELECT terms_days, fee_percent FROM accounts WHERE account = ?", (account,)
    ).fetchone()
    invoice_id = hashlib.sha256(f"seed {at}".encode()).hexdigest()[:16]
    lines = []
    for _ in range(draw.randrange(1, 5)):
        quantity, unit, discount = draw.choice(QUANTITIES), draw.choice(UNITS), draw.choice((0, 0, 0, 5, 15, 50))
        lines.append(
            {
                "item": f"ITEM-{draw.randrange(60):03}",
                "quantity": quantity,
                "unit_cents": unit,
                "discount_percent": discount,
                "amount_cents": line_amount(Decimal(quantity), unit, discount),
            }
        )
    net = sum(int(line["amount_cents"]) for line in lines)
    moment = BEGINS + timedelta(hours=13 * at, seconds=draw.randrange(3600))
    memo = draw.choice((None, *WORDS))
    values = (invoice_id, account, memo, draw.random() < 0.6 or memo is not None, net, fee_amount(net, percent))
    key = f"seed-key-{at}" if at % 5 == 0 else None
    connection.execute(
        "INSERT INTO invoices (id, account, memo, memo_given, net_cents, fee_cents, status, version, created_at,"
        " request_key) VALUES (?, ?, ?, ?, ?, ?, 'draft', 1, ?, ?)",
        (*values, stamp(moment), key),
    )
    write_lines(connection, invoice_id, lines)
    record_change(connection, invoice_id)
    for step in draw.choice(((), ("issued",), ("issued",), ("issued", "settled"), ("issued", "voided"), ("voided",))):
        moment += timedelta(minutes=draw.randrange(10, 2000))
        if step == "issued":
            last = connection.execute("SELECT max(running) FROM invoices WHERE account = ?", (account,)).fetchone()[0]
            due = f"{moment + timedelta(days=terms):%Y-%m-%d}"
            connection.execute(
                "UPDATE invoices SET running = ?, due_on = ? WHERE id = ?", ((last or 0) + 1, due, invoice_id)
            )
        connection.execute(
            f"UPDATE invoices SET status = ?, version = version + 1, {step}_at = ? WHERE id = ?",
            (step, stamp(moment), invoice_id),
        )
        record_change(connection, invoice_id)
