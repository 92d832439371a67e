"""Problem documents (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.responses import Response


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


class Problem(Exception):
    """Raise it anywhere below a request: it becomes the answer."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.members = members

    def document(self) -> dict[str, Any]:
        title = self.kind.replace("-", " ").capitalize()
        document: dict[str, Any] = {"type": f"/problems/{self.kind}", "title": title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return document | self.members

    def response(self) -> Response:
        return Response(
            to_json(self.document()),
            status_code=self.status,
            headers=self.headers,
            media_type="application/problem+json",
        )


def for_status(status: int, headers: dict[str, str] | None = None) -> Problem:
    """A problem that is no more than its status."""
    return Problem(status, HTTPStatus(status).phrase.lower().replace(" ", "-"), headers=headers)
