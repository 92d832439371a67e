"""The orders, in SQLite.

One connection writes, on a thread of its own, so that an fsync never stops the event loop. Another one reads, on the
event loop: with WAL a reader never waits for a writer, and a read by key takes microseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
import uuid
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# The order and the memory of its idempotency key are one row: there is no moment at which only one of them exists.
SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    intent BLOB NOT NULL UNIQUE,        -- hash of the caller and the key
    fingerprint BLOB NOT NULL,          -- hash of the payload
    caller TEXT NOT NULL,
    reservation_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    note TEXT,
    created_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1  -- 1 is confirmed, 2 is cancelled
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
COLUMNS = "seq, id, fingerprint, sku, quantity, note, created_ms, version"
ROOM_NEEDED = 1 << 20


class BadCursor(ValueError):
    pass


class Conflict(Exception):
    """The intent has an order already."""


@dataclass(frozen=True)
class Order:
    seq: int
    id: str
    fingerprint: bytes
    sku: str
    quantity: int
    note: str | None
    created_ms: int
    version: int

    @property
    def etag(self) -> str:
        return f'"{self.version}"'

    @property
    def location(self) -> str:
        return f"/v1/orders/{self.id}"

    def as_created(self) -> Order:
        """As it was when it was new: what a retry is told, also when the order is cancelled by now."""
        return replace(self, version=1)

    def document(self) -> dict[str, Any]:
        at = datetime.fromtimestamp(self.created_ms / 1000, UTC)
        return {
            "id": self.id,
            "sku": self.sku,
            "quantity": self.quantity,
            "note": self.note,
            "status": "confirmed" if self.version == 1 else "cancelled",
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.created_ms % 1000:03d}Z",
        }


@dataclass(frozen=True)
class NewOrder:
    intent: bytes
    fingerprint: bytes
    caller: str
    reservation_id: str
    sku: str
    quantity: int
    note: str | None


class Store:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "orders.db"
        self._writer = self._connect()
        self._writer.executescript(SCHEMA)
        self._writer.execute("INSERT OR IGNORE INTO settings VALUES ('cursor_key', ?)", (secrets.token_bytes(32),))
        [(self._cursor_key,)] = self._writer.execute("SELECT value FROM settings WHERE name = 'cursor_key'").fetchall()
        [(self._last_ms,)] = self._writer.execute("SELECT coalesce(max(created_ms), 0) FROM orders").fetchall()
        self._reader = self._connect()
        self._inode = os.stat(self._path).st_ino
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a 201 is a promise, also to those who pull the plug
        connection.execute("PRAGMA journal_size_limit = 4194304")
        return connection

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._reader.close()
        self._writer.close()

    # reading, on the event loop; always fetchall, since an open cursor would hold back the checkpoints

    def _select(self, rest: str, *values: Any) -> list[Order]:
        rows = self._reader.execute(f"SELECT {COLUMNS} FROM orders {rest}", values).fetchall()
        return [Order(*row) for row in rows]

    def by_id(self, order_id: str) -> Order | None:
        return next(iter(self._select("WHERE id = ?", order_id)), None)

    def by_intent(self, intent: bytes) -> Order | None:
        return next(iter(self._select("WHERE intent = ?", intent)), None)

    def page(self, limit: int, cursor: str | None) -> tuple[list[Order], str | None]:
        before = self._position(cursor) if cursor is not None else (1 << 63) - 1
        found = self._select("WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit + 1)
        items = found[:limit]
        return items, self._cursor(items[-1].seq) if len(found) > limit else None

    # cursors are signed: one that this service did not hand out is told from one that it did

    def _cursor(self, seq: int) -> str:
        position = seq.to_bytes(8, "big")
        seal = hmac.digest(self._cursor_key, position, "sha256")[:10]
        return urlsafe_b64encode(position + seal).decode("ascii")  # 18 bytes: no padding

    def _position(self, cursor: str) -> int:
        try:
            seq = int.from_bytes(_decode(cursor)[:8], "big")
            genuine = self._cursor(seq)
        except (ValueError, OverflowError) as error:
            raise BadCursor from error
        if not hmac.compare_digest(genuine.encode(), cursor.encode("utf-8", "replace")):
            raise BadCursor
        return seq

    # writing, on the store's own thread

    async def _write(self, work: Callable[[], T]) -> T:
        def transaction() -> T:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return result

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)

    async def add(self, new: NewOrder) -> Order:
        """Stores the order; it is on disk when this returns."""

        def work() -> Order:
            # Never earlier than the one before, whatever the clock does: newest first is by seq and by time.
            created = max(self._last_ms, time.time_ns() // 1_000_000)
            order_id = str(uuid.uuid4())
            try:
                seq = self._writer.execute(
                    "INSERT INTO orders (id, intent, fingerprint, caller, reservation_id, sku, quantity, note,"
                    " created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        order_id,
                        new.intent,
                        new.fingerprint,
                        new.caller,
                        new.reservation_id,
                        new.sku,
                        new.quantity,
                        new.note,
                        created,
                    ),
                ).lastrowid
            except sqlite3.IntegrityError as error:
                raise Conflict from error
            self._last_ms = created
            assert seq is not None
            return Order(seq, order_id, new.fingerprint, new.sku, new.quantity, new.note, created, 1)

        return await self._write(work)

    async def cancel(self, order_id: str, version: int) -> bool:
        """Cancels the order if it still has this version; says whether it did."""

        def work() -> bool:
            changed = self._writer.execute(
                "UPDATE orders SET version = 2 WHERE id = ? AND version = ? AND version = 1", (order_id, version)
            )
            return changed.rowcount == 1

        return await self._write(work)

    async def check(self) -> None:
        """Raises when an order could not be stored now."""

        def work() -> None:
            if os.stat(self._path).st_ino != self._inode:
                raise OSError("the database file was replaced")
            room = os.statvfs(self._path)
            if room.f_bavail * room.f_frsize < ROOM_NEEDED:
                raise OSError("no room left for orders")
            self._writer.execute("SELECT 1 FROM settings").fetchall()

        await self._write(work)


def _decode(cursor: str) -> bytes:
    if len(cursor) != 24 or not cursor.isascii():
        raise ValueError("not a cursor")
    return b64decode(cursor, altchars=b"-_", validate=True)


def intent_of(caller: str, key: str) -> bytes:
    return hashlib.sha256(json.dumps([caller, key]).encode()).digest()
