"""Invoices, the outbox and the place in the feed, in one SQLite file of our own.

What belongs together is one transaction: an invoice with its event, a page of the feed with the place after it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from invoicing.domain import UnknownError, running_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from invoicing.domain import Document

SCHEMA = """
CREATE TABLE IF NOT EXISTS invoices (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    running INTEGER,
    request_key TEXT,
    document TEXT NOT NULL,
    UNIQUE (account, running),
    UNIQUE (account, request_key)
);
CREATE INDEX IF NOT EXISTS by_account ON invoices (account, status);
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    wanted INTEGER NOT NULL,
    position INTEGER NOT NULL
);
INSERT OR IGNORE INTO feed VALUES (1, 0, 0);
"""
IN_SEQUENCE = """
ORDER BY CASE WHEN status = 'draft' THEN 0 WHEN running IS NOT NULL THEN 1 ELSE 2 END, running DESC, seq DESC
"""


class Followed(NamedTuple):
    """Whether the feed is to be followed, up to where it was, and how many invoices are here."""

    wanted: bool
    position: int
    copied: int


class Store:
    """One connection per thread. Nothing is cached: what another thread has committed is seen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        with closing(_connect(path)) as connection:
            connection.executescript(SCHEMA)

    def get(self, account: str, invoice_id: str) -> Document:
        """Raises UnknownError."""
        query = "SELECT document FROM invoices WHERE id = ? AND account = ?"
        row = self._connection.execute(query, (invoice_id, account)).fetchone()
        if row is None:
            raise UnknownError("no such invoice")
        invoice: Document = json.loads(row[0])
        return invoice

    def by_key(self, account: str, key: str) -> Document | None:
        """The invoice that was made with an Idempotency-Key of this account."""
        query = "SELECT document FROM invoices WHERE account = ? AND request_key = ?"
        row = self._connection.execute(query, (account, key)).fetchone()
        return json.loads(row[0]) if row else None

    def page(self, account: str, status: str | None, limit: int, skip: int) -> tuple[list[Document], int]:
        """A page of an account's invoices in the sequence that clients know, and how many there are."""
        where, values = "account = ?", [account]
        if status:
            where, values = "account = ? AND status = ?", [account, status]
        total = self._connection.execute(f"SELECT count(*) FROM invoices WHERE {where}", values).fetchone()[0]
        query = f"SELECT document FROM invoices WHERE {where} {IN_SEQUENCE} LIMIT ? OFFSET ?"
        rows = self._connection.execute(query, (*values, limit, skip))
        return [json.loads(row[0]) for row in rows], total

    def next_number(self, account: str) -> int:
        """The running number that the account's next invoice gets."""
        query = "SELECT coalesce(max(running), 0) + 1 FROM invoices WHERE account = ?"
        number: int = self._connection.execute(query, (account,)).fetchone()[0]
        return number

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction. It takes the write lock at once, so what is read in it is what is written upon."""
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield

    def put(self, invoice: Document, event: Document) -> None:
        """Store an invoice that changed, with the event that tells so. Within `writing`."""
        key = event["data"]["request_key"]
        self._upsert(invoice, key)
        self._connection.execute("INSERT INTO outbox (event) VALUES (?)", (json.dumps(event),))

    def request_key(self, invoice_id: str) -> str | None:
        """The Idempotency-Key that an invoice was made with."""
        query = "SELECT request_key FROM invoices WHERE id = ?"
        key: str | None = self._connection.execute(query, (invoice_id,)).fetchone()[0]
        return key

    def unsent(self, most: int) -> list[tuple[int, Document]]:
        """The oldest events of the outbox."""
        rows = self._connection.execute("SELECT seq, event FROM outbox ORDER BY seq LIMIT ?", (most,))
        return [(seq, json.loads(event)) for seq, event in rows]

    def sent(self, seq: int) -> None:
        """An event was taken."""
        self._connection.execute("DELETE FROM outbox WHERE seq = ?", (seq,))

    def followed(self) -> Followed:
        """Where the follower is."""
        query = "SELECT wanted, position, (SELECT count(*) FROM invoices) FROM feed"
        wanted, position, copied = self._connection.execute(query).fetchone()
        return Followed(bool(wanted), position, copied)

    def want(self) -> None:
        """Follow from now on, after a restart, too."""
        self._connection.execute("UPDATE feed SET wanted = 1")

    def take(self, changes: Sequence[Document]) -> None:
        """Take a page of the feed over, and the place after it with it. What is newer here stays."""
        with self.writing():
            for change in changes:
                invoice = dict(change["invoice"])
                key = invoice.pop("request_key")
                self._upsert(invoice, key)
            self._connection.execute("UPDATE feed SET position = ?", (changes[-1]["seq"],))

    def is_there(self) -> bool:
        """Whether the store can be read."""
        try:
            self._connection.execute("SELECT 1 FROM feed").fetchone()
        except sqlite3.Error:
            return False
        return self._path.exists()

    def _upsert(self, invoice: Document, key: str | None) -> None:
        self._connection.execute(
            "INSERT INTO invoices (id, account, status, version, running, request_key, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status,"
            " version = excluded.version, running = excluded.running, document = excluded.document"
            " WHERE excluded.version > invoices.version",
            (
                invoice["id"],
                invoice["account"],
                invoice["status"],
                invoice["version"],
                running_number(invoice),
                key,
                json.dumps(invoice),
            ),
        )

    @property
    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = _connect(self._path)
        connection: sqlite3.Connection = self._local.connection
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
