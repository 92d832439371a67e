"""Hampers in the stock database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calls import FailedError

if TYPE_CHECKING:
    from calls import Deadline
    from pool import Pool

PARTS = "SELECT parts.pence FROM hamper_parts JOIN parts ON parts.id = hamper_parts.part WHERE hamper_parts.hamper = ?"


class Items:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def pence(self, hamper: str, deadline: Deadline) -> list[int]:
        """What each part of a hamper costs; nothing for an unknown hamper. Raises FailedError, TooLateError."""
        return [pence for (pence,) in self._rows(PARTS, hamper, deadline)]

    def _rows(self, sql: str, param: str | int, deadline: Deadline) -> list[list[Any]]:
        with self._pool.session(deadline) as session:
            answer = session.send(
                "POST",
                "/query",
                deadline,
                json={"sql": sql, "params": [param]},
                attributes={"db.system.name": "sqlite", "db.query.text": sql},
            )
        if answer.status_code != 200:
            raise FailedError(f"the database answered {answer.status_code}")
        rows: list[list[Any]] = answer.json()["rows"]
        return rows
