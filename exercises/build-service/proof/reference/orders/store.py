"""Orders and idempotency keys in SQLite.

A key is claimed by a row of its own, under a unique constraint, before anything else happens, and that row fixes the id
of the order to be. Whoever comes second finds it. The claim is a lease, so that a worker that died does not hold a key
for ever; the one who takes it over finds the same id and asks the inventory again with the same key.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders.domain import CANCELLED, CONFIRMED, InProgressError, KeyReusedError, NewOrder, Order, StateChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEASE = 10.0
"""Seconds; longer than any request takes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    note TEXT,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    version INTEGER NOT NULL,
    reservation TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS keys (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    order_id TEXT NOT NULL UNIQUE,
    claimed_until REAL NOT NULL,
    PRIMARY KEY (caller, key)
);
"""
COLUMNS = "id, sku, quantity, note, status, created_at, version"


@dataclass(frozen=True)
class Claim:
    """The right to make the order with this id now."""

    caller: str
    key: str
    order_id: str


def prepare(path: Path) -> None:
    """Make the tables. Nothing of an earlier process is still being worked on, so its claims end here."""
    connection = _connect(path)
    connection.executescript(SCHEMA)
    connection.execute("UPDATE keys SET claimed_until = 0")
    connection.close()


class Store:
    """One connection per thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def claim(self, caller: str, key: str, new: NewOrder, now: float) -> Claim | Order:
        """Claim a key, or return the order it has made. Raises KeyReusedError, InProgressError."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
                (caller, key, new.fingerprint(), str(uuid.uuid4())),
            )
            fingerprint, order_id, claimed_until = connection.execute(
                "SELECT fingerprint, order_id, claimed_until FROM keys WHERE caller = ? AND key = ?", (caller, key)
            ).fetchone()
            if fingerprint != new.fingerprint():
                raise KeyReusedError
            made = self.get(order_id)
            if made is not None:
                return made.as_made()
            if claimed_until > now:
                raise InProgressError
            self._lease(connection, caller, key, now + LEASE)
            return Claim(caller, key, order_id)

    def release(self, claim: Claim) -> None:
        """Let the next request with this key try again."""
        with self._transaction() as connection:
            self._lease(connection, claim.caller, claim.key, 0)

    def confirm(self, claim: Claim, new: NewOrder, reservation: str, created_at: str) -> Order:
        """Store the order of a claim, once."""
        order = Order(claim.order_id, new.sku, new.quantity, new.note, CONFIRMED, created_at, version=1)
        with self._transaction() as connection:
            connection.execute(
                f"INSERT INTO orders ({COLUMNS}, reservation) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*_row(order), reservation),
            )
        return self.get(claim.order_id) or order

    def get(self, order_id: str) -> Order | None:
        row = self._connection().execute(f"SELECT {COLUMNS} FROM orders WHERE id = ?", (order_id,)).fetchone()
        return Order(*row) if row else None

    def newest(self, limit: int, before: int | None) -> list[tuple[int, Order]]:
        """At most `limit` orders with their sequence numbers, newest first, all older than the number `before`."""
        rows = self._connection().execute(
            f"SELECT seq, {COLUMNS} FROM orders WHERE seq < ? ORDER BY seq DESC LIMIT ?",
            (before if before is not None else 2**63 - 1, limit),
        )
        return [(seq, Order(*columns)) for seq, *columns in rows]

    def cancel(self, order: Order) -> None:
        """Cancel an order that is still in this state. Raises StateChangedError."""
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE orders SET status = ?, version = version + 1 WHERE id = ? AND version = ?",
                (CANCELLED, order.id, order.version),
            )
            if changed.rowcount != 1:
                raise StateChangedError

    def is_there(self) -> bool:
        """Whether orders can be read. A file that was removed stays readable to those who have it open: look for it."""
        try:
            self._connection().execute("SELECT 1 FROM orders LIMIT 1").fetchone()
        except sqlite3.Error:
            return False
        return self._path.exists()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = _connect(self._path)
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            yield connection

    @staticmethod
    def _lease(connection: sqlite3.Connection, caller: str, key: str, until: float) -> None:
        connection.execute(
            "UPDATE keys SET claimed_until = ? WHERE caller = ? AND key = ?",
            (until, caller, key),
        )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=2, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def _row(order: Order) -> tuple[object, ...]:
    return order.id, order.sku, order.quantity, order.note, order.status, order.created_at, order.version
