"""SQLite on the event loop's own thread: every statement is short, and nobody else has the file."""

import json
import sqlite3
from pathlib import Path
from typing import Any

TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS invoice (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE NOT NULL,
    account TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    counted INTEGER,
    used_key TEXT,
    told TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_for_a_key ON invoice (account, used_key) WHERE used_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS of_an_account ON invoice (account, counted);
CREATE TABLE IF NOT EXISTS to_tell (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    invoice TEXT NOT NULL,
    event TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
SEQUENCE = "ORDER BY status <> 'draft', counted IS NULL, counted DESC, place DESC"


class Storage:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(TABLES)

    def one(self, account: str, name: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT told FROM invoice WHERE id = ? AND account = ?", (name, account)).fetchone()
        return json.loads(row[0]) if row else None

    def used(self, account: str, key: str | None) -> dict[str, Any] | None:
        query = "SELECT told FROM invoice WHERE account = ? AND used_key = ?"
        row = self._db.execute(query, (account, key)).fetchone()
        return json.loads(row[0]) if row else None

    def key_of(self, name: str) -> str | None:
        row = self._db.execute("SELECT used_key FROM invoice WHERE id = ?", (name,)).fetchone()
        return row[0] if row else None

    def listed(self, account: str, status: str | None, limit: int, skip: int) -> tuple[list[dict[str, Any]], int]:
        where, values = ("account = ? AND status = ?", (account, status)) if status else ("account = ?", (account,))
        (count,) = self._db.execute(f"SELECT count(*) FROM invoice WHERE {where}", values).fetchone()
        page = self._db.execute(
            f"SELECT told FROM invoice WHERE {where} {SEQUENCE} LIMIT ? OFFSET ?", (*values, limit, skip)
        )
        return [json.loads(told) for (told,) in page], count

    def counted(self, account: str) -> int:
        """How far the numbers of an account have come."""
        query = "SELECT coalesce(max(counted), 0) FROM invoice WHERE account = ?"
        return int(self._db.execute(query, (account,)).fetchone()[0])

    def keep(self, told: dict[str, Any], key: str | None, event: dict[str, Any]) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._put(told, key)
            row = (told["id"], json.dumps(event))
            self._db.execute("INSERT INTO to_tell (invoice, event) VALUES (?, ?)", row)

    def follow(self, changes: list[dict[str, Any]]) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for change in changes:
                told = dict(change["invoice"])
                self._put(told, told.pop("request_key"))
            self.remember("position", changes[-1]["seq"])

    def _put(self, told: dict[str, Any], key: str | None) -> None:
        known = self._db.execute("SELECT version FROM invoice WHERE id = ?", (told["id"],)).fetchone()
        counted = int(told["number"].rsplit("/", 1)[1]) if "number" in told else None
        if known is None:
            self._db.execute(
                "INSERT INTO invoice (id, account, status, version, counted, used_key, told)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (told["id"], told["account"], told["status"], told["version"], counted, key, json.dumps(told)),
            )
        elif known[0] < told["version"]:
            self._db.execute(
                "UPDATE invoice SET status = ?, version = ?, counted = ?, told = ? WHERE id = ?",
                (told["status"], told["version"], counted, json.dumps(told), told["id"]),
            )

    def waiting(self) -> list[tuple[int, dict[str, Any]]]:
        """The oldest event of each invoice that has any."""
        oldest = "SELECT min(place) FROM to_tell GROUP BY invoice"
        query = f"SELECT place, event FROM to_tell WHERE place IN ({oldest}) ORDER BY place LIMIT 20"
        return [(place, json.loads(event)) for place, event in self._db.execute(query)]

    def told(self, place: int) -> None:
        self._db.execute("DELETE FROM to_tell WHERE place = ?", (place,))

    def remember(self, name: str, value: int) -> None:
        self._db.execute(
            "INSERT INTO kept VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
        )

    def recall(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def size(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM invoice").fetchone()[0])

    def is_there(self) -> bool:
        return self._path.exists()
