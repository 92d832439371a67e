"""The one database of the back office. Every module reads and writes every table; there is no other rule."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import current_app, g

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    fee_percent TEXT,                       -- NULL: exempt
    terms_days INTEGER NOT NULL DEFAULT 14,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS items (
    item TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    unit_cents INTEGER NOT NULL,
    retired INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS invoices (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    running INTEGER,                        -- the running number of the account, once there is one
    memo TEXT,
    memo_given INTEGER NOT NULL DEFAULT 0,
    net_cents INTEGER NOT NULL,
    fee_cents INTEGER,
    created_at TEXT NOT NULL,
    issued_at TEXT,
    due_on TEXT,
    settled_at TEXT,
    voided_at TEXT,
    request_key TEXT,
    UNIQUE (account, running),
    UNIQUE (account, request_key)
);
CREATE TABLE IF NOT EXISTS invoice_lines (
    invoice TEXT NOT NULL REFERENCES invoices (id),
    position INTEGER NOT NULL,
    item TEXT NOT NULL,
    quantity TEXT NOT NULL,
    unit_cents INTEGER NOT NULL,
    discount_percent INTEGER NOT NULL,
    amount_cents INTEGER NOT NULL,
    PRIMARY KEY (invoice, position)
);
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS seen_events (
    id TEXT PRIMARY KEY,
    seen_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    account TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS invoices_by_account ON invoices (account, status);
CREATE INDEX IF NOT EXISTS journal_by_account ON journal (account);
"""


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def prepare(path: Path) -> None:
    """Make the tables, and fill them unless somebody has."""
    from backoffice import seed

    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
        if not connection.execute("SELECT 1 FROM accounts").fetchone():
            seed.fill(connection)


def db() -> sqlite3.Connection:
    """The connection of the request that is being answered."""
    if "db" not in g:
        g.db = connect(current_app.config["DATABASE"])
    connection: sqlite3.Connection = g.db
    return connection


def close(_: BaseException | None = None) -> None:
    if "db" in g:
        g.pop("db").close()


@contextmanager
def writing() -> Iterator[sqlite3.Connection]:
    """One transaction, which waits for others right away and not when it is too late."""
    connection = db()
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield connection


def now() -> datetime:
    moment: datetime = current_app.config["NOW"]()
    return moment


def stamp(moment: datetime) -> str:
    """How we have always written times: UTC, to the second, with a space and without a zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def journal(connection: sqlite3.Connection, account: str, what: str, subject: str) -> None:
    connection.execute(
        "INSERT INTO journal (at, account, what, subject) VALUES (?, ?, ?, ?)", (stamp(now()), account, what, subject)
    )


def rows(connection: sqlite3.Connection, query: str, *values: Any) -> list[sqlite3.Row]:
    return list(connection.execute(query, values))
