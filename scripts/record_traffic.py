"""Records a day of extract-endpoint: what clients asked the monolith for, and what it answered.

    python -m scripts.record_traffic     write exercises/extract-endpoint/recording/traffic.jsonl anew

The monolith runs here on its own seed, with a clock and ids of ours, so the same day comes out every time. A line is
an exchange: `at` (seconds of the day), `request` (method, path, headers, body as text), `answer` (status, headers,
body).
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

EXERCISE = Path(__file__).parents[1] / "exercises" / "extract-endpoint"
MONOLITH = EXERCISE / "services" / "monolith"
TRAFFIC = EXERCISE / "recording" / "traffic.jsonl"
BEGINS = datetime(2026, 3, 2, 6, 0, 0, tzinfo=UTC)
SEED = 20_260_302
REQUESTS = 190
KEPT = ("Content-Type", "X-Total-Count", "Location")
CREATED = 201
UNITS = (5, 25, 99, 105, 250, 333, 1005, 1999, 12_345, 79_950)
QUANTITIES: tuple[object, ...] = (1, 2, 3, 0.5, 1.5, 2.25, 0.333, 12, 1.125, "4", "0.25")
ODD_LISTS = (
    "limit=0",
    "limit=all",
    "limit=",
    "limit=5000",
    "page=0",
    "page=9999",
    "status=lost",
    "status=draft&limit=3",
)
LINE = {"item": "ITEM-001", "quantity": 1, "unit_cents": 100}
KEY = "till-" + 13 * "long-"
"""Shorter than the limit of every variant; three of it are longer than any."""
MANY = 90
"""Lines: more than any variant takes."""
MORE = 6
"""Invoices that an account then has more than one page."""
WRONG_BODIES = (
    "",
    "[]",
    '{"memo": "no line"}',
    '{"lines": []}',
    '{"lines": ["ITEM-001"]}',
    '{"lines": [{"item": "ITEM-001", "quantity": 0, "unit_cents": 100}]}',
    '{"lines": [{"item": "ITEM-001", "quantity": 1.2345, "unit_cents": 100}]}',
    '{"lines": [{"item": "ITEM-001", "quantity": true, "unit_cents": 100}]}',
    '{"lines": [{"item": "ITEM-001", "quantity": 1, "unit_cents": 9.5}]}',
    '{"lines": [{"item": "ITEM-001", "quantity": 1, "unit_cents": -1}]}',
    '{"lines": [{"item": " ", "quantity": 1, "unit_cents": 100}]}',
    '{"lines": [{"item": "ITEM-001", "quantity": 1, "unit_cents": 100, "discount_percent": 101}]}',
    '{"memo": 7, "lines": [{"item": "ITEM-001", "quantity": 1, "unit_cents": 100}]}',
)


@contextmanager
def monolith() -> Iterator[Any]:
    """The monolith's application over a new database, with our clock and ids: `app.config["AT"]` is the time."""
    sys.path.insert(0, str(MONOLITH))
    try:
        create_app = importlib.import_module("backoffice.app").create_app
        prepare = importlib.import_module("backoffice.database").prepare
        with tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / "backoffice.db"
            prepare(database)
            numbers = itertools.count()
            moment = [BEGINS]
            app = create_app(
                database,
                lambda: moment[0],
                lambda: hashlib.sha256(f"traffic {next(numbers)}".encode()).hexdigest()[:16],
            )
            app.config["AT"] = moment
            yield app
    finally:
        sys.path.remove(str(MONOLITH))
        for name in [name for name in sys.modules if name.partition(".")[0] == "backoffice"]:
            del sys.modules[name]


class Day:
    """Clients of a day. What they do next hangs on what they were answered."""

    def __init__(self) -> None:
        self._draw = random.Random(SEED)
        self._made: list[tuple[str, str]] = []
        self._keys: list[tuple[str, str, str]] = []
        self._numbers = itertools.count(1)

    def requests(self) -> Iterator[dict[str, Any]]:
        """Requests, one after the other; whoever sends one tells its answer to `told` before the next."""
        yield from (self._post(f"{self._list(1001 + at)}", body) for at, body in enumerate(WRONG_BODIES))
        yield from (self._get(f"{self._list(1002)}?{query}") for query in ODD_LISTS)
        yield self._post(self._list(1012), self._body())  # closed
        yield self._post(self._list(9999), self._body())  # unknown
        yield self._get(self._list(9999))
        for _ in range(REQUESTS):
            yield self._next()
        yield from self._seldom()

    def told(self, request: dict[str, Any], status: int, body: Any) -> None:
        """Remember what was made."""
        if request["method"] == "POST" and status == CREATED and "lines" in body:
            self._made.append((body["account"], body["id"]))
            if key := request["headers"].get("Idempotency-Key"):
                self._keys.append((request["path"], key, request["body"]))

    def _next(self) -> dict[str, Any]:
        kind = self._draw.choices(
            ["list", "make", "read", "step", "again", "elsewhere"], weights=[22, 24, 18, 30, 5, 9]
        )[0]
        account = 1001 + self._draw.randrange(11)
        if kind == "list":
            query = self._draw.choice(("", "?status=issued", "?limit=5", "?limit=4&page=2", "?status=draft"))
            return self._get(self._list(account) + query)
        if kind == "make" or not self._made:
            return self._post(self._list(account), self._body(), self._key())
        if kind == "again" and self._keys:
            path, key, body = self._draw.choice(self._keys)
            return self._post(path, body, key)
        if kind == "elsewhere":
            paths = (f"/accounts/A-{account}", "/items", "/reports/overdue?on=2026-03-01", "/reports/months/2026-02")
            return self._get(self._draw.choice(paths))
        owner, name = self._draw.choice(self._made[-30:])
        path = f"/accounts/{owner}/invoices/{name}"
        if kind == "read":
            return self._get(self._draw.choice((path, path, f"/accounts/A-1001/invoices/{name}")))
        return self._post(f"{path}/{self._draw.choice(('issue', 'issue', 'settle', 'void'))}", None)

    def _seldom(self) -> Iterator[dict[str, Any]]:
        """What few clients do: long keys, bodies without a type, many lines; numbers against the sequence in which
        invoices were made, and a list that is longer than a page.
        """
        place = self._list(1003)
        for _ in range(MORE):
            yield self._post(place, json.dumps({"lines": [LINE]}))
        for key in (KEY, KEY, 3 * KEY):
            yield self._post(place, json.dumps({"lines": [LINE]}), key)
        yield self._post(place, json.dumps({"lines": [LINE, LINE]})) | {"headers": {}}
        yield self._post(place, json.dumps({"lines": MANY * [LINE]}))
        for _, name in reversed(self._made[-2:]):
            yield self._post(f"{place}/{name}/issue", None)
        yield self._get(place)

    def _list(self, account: int) -> str:
        return f"/accounts/A-{account}/invoices"

    def _key(self) -> str | None:
        return f"till-{next(self._numbers):05}" if self._draw.random() < 0.5 else None  # noqa: PLR2004

    def _body(self) -> str:
        lines = []
        for _ in range(self._draw.randrange(1, 4)):
            item = f"ITEM-{self._draw.randrange(60):03}"
            line = {
                "item": item.lower() if self._draw.random() < 0.2 else item,  # noqa: PLR2004
                "quantity": self._draw.choice(QUANTITIES),
                "unit_cents": self._draw.choice(UNITS),
            }
            if (discount := self._draw.choice((None, None, 0, 5, 15, 50))) is not None:
                line["discount_percent"] = discount
            lines.append(line)
        body: dict[str, Any] = {"lines": lines}
        match self._draw.randrange(5):
            case 0:
                body["memo"] = None
            case 1:
                body["memo"] = "  "
            case 2:
                body["memo"] = "as agreed, " * (30 if self._draw.random() < 0.3 else 1)  # noqa: PLR2004
        return json.dumps(body)

    @staticmethod
    def _get(path: str) -> dict[str, Any]:
        return {"method": "GET", "path": path, "headers": {}, "body": None}

    @staticmethod
    def _post(path: str, body: str | None, key: str | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} if body else {}
        return {
            "method": "POST",
            "path": path,
            "headers": headers | ({"Idempotency-Key": key} if key else {}),
            "body": body,
        }


def recorded() -> str:
    """The whole recording, a line for each exchange."""
    lines = []
    day = Day()
    with monolith() as app:
        client = app.test_client()
        for number, request in enumerate(day.requests()):
            app.config["AT"][0] = BEGINS + timedelta(seconds=41 * number)
            answer = client.open(
                request["path"], method=request["method"], headers=request["headers"], data=request["body"]
            )
            body = json.loads(answer.data)
            day.told(request, answer.status_code, body)
            headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
            told = {"status": answer.status_code, "headers": headers, "body": body}
            lines.append(json.dumps({"at": 41 * number, "request": request, "answer": told}))
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    TRAFFIC.parent.mkdir(exist_ok=True)
    TRAFFIC.write_text(recorded())
