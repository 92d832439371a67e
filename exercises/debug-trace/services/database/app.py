"""The stock database of the pod: SQLite behind an HTTP door. One statement a request, at most eight at once.

It knows 5,000 hampers of 12 parts each. It is read only: what is written is refused by SQLite itself.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from flask import Flask, request

HAMPERS, PARTS, OF_A_HAM = 5000, 400, 12
AT_ONCE = 8


def create_app() -> Flask:
    app = Flask(__name__)
    path = Path(tempfile.mkdtemp()) / "stock.sqlite3"
    fill(path)
    sessions = threading.BoundedSemaphore(AT_ONCE)

    @app.post("/query")
    def query() -> tuple[dict[str, object], int]:
        wanted = request.get_json(silent=True)
        if not isinstance(wanted, dict) or not isinstance(wanted.get("sql"), str):
            return {"error": "expected {sql, params}"}, 400
        if not sessions.acquire(blocking=False):
            return {"error": f"more than {AT_ONCE} statements at once"}, 503
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                return {"rows": connection.execute(wanted["sql"], wanted.get("params") or []).fetchmany(1000)}, 200
        except sqlite3.Error as error:
            return {"error": str(error)}, 400
        finally:
            sessions.release()

    @app.get("/healthz")
    def health() -> str:
        return "ok"

    return app


def fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, pence INTEGER)")
        connection.execute(
            "CREATE TABLE hamper_parts (hamper TEXT, part INTEGER, PRIMARY KEY (hamper, part)) WITHOUT ROWID"
        )
        parts = ((part, f"part {part}", 100 + part * 37 % 900) for part in range(PARTS))
        connection.executemany("INSERT INTO parts VALUES (?, ?, ?)", parts)
        held = (
            (f"HAM-{hamper:06}", (hamper * 7 + at * 31) % PARTS) for hamper in range(HAMPERS) for at in range(OF_A_HAM)
        )
        connection.executemany("INSERT INTO hamper_parts VALUES (?, ?)", held)
