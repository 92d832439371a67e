"""One HTTP request and what came back, as frozen values. Nothing here trusts what the server said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from assesskit.checks.expect import Failure

EXCERPT = 600
"""Characters of a body that a feedback text quotes."""


@dataclass(frozen=True)
class Headers:
    """Header fields in the order they came: names as sent, lookups without regard to case."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a field."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field, in order."""
        return tuple(value for key, value in self.fields if key.lower() == name.lower())

    def items(self) -> Iterator[tuple[str, str]]:
        """Every field line, in order."""
        return iter(self.fields)


@dataclass(frozen=True)
class Request:
    """What we send. `path` holds the query too, percent-encoded."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def text(self) -> str:
        """The request as a person reads it, without the value of a token."""
        shown = [f"{name}: {redacted(name, value)}" for name, value in self.headers]
        return "\n".join([f"{self.method} {self.path}", *shown, *_excerpt(self.body)])


@dataclass(frozen=True)
class Response:
    """What came back. `truncated` when the body passed our cap and the rest was never read; `seconds` from sending."""

    status: int
    headers: Headers
    body: bytes
    seconds: float
    truncated: bool = False

    def text(self) -> str:
        """The answer as a person reads it."""
        names = ("content-type", "location", "etag", "allow", "www-authenticate", "retry-after", "content-encoding")
        shown = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() in names]
        return "\n".join([str(self.status), *shown, *_excerpt(self.body)])

    def json(self) -> Any:
        """The body as JSON (RFC 8259). Raises Failure when it is none, too large, or nested beyond reason."""
        if self.truncated:
            self._not_json(f"the body is larger than {len(self.body)} bytes")
        encoding = self.headers.get("content-encoding", "identity")
        if encoding != "identity":
            self._not_json(f"it came with Content-Encoding {encoding} although only identity was accepted")
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError, MemoryError) as error:
            self._not_json(str(error) or type(error).__name__)

    def _not_json(self, reason: str) -> NoReturn:
        raise Failure(
            f"the body of the answer is not JSON: {reason[:200]}",
            received=self.text(),
            expected="a JSON document in UTF-8",
            rule="RFC 8259",
        )


@dataclass(frozen=True)
class Exchange:
    """A request with its answer, or with the reason why there was none (`error`, empty when answered)."""

    request: Request
    response: Response | None
    error: str
    seconds: float

    def sent(self) -> str:
        """What was sent, for feedback."""
        return self.request.text()

    def received(self) -> str:
        """What came back, for feedback."""
        return self.response.text() if self.response else self.error

    def answered(self) -> Response:
        """The response. Raises Failure when there was none."""
        if self.response is not None:
            return self.response
        raise Failure(
            f"{self.request.method} {self.request.path.partition('?')[0]}: {self.error}",
            sent=self.sent(),
            received=self.error,
            expected="an HTTP answer",
            exchange=self,
        )


def redacted(name: str, value: str) -> str:
    """A header's value without the credential it may carry."""
    if name.lower() != "authorization":
        return value
    return f"{value.partition(' ')[0]} [redacted]"


def _excerpt(body: bytes) -> list[str]:
    if not body:
        return []
    text = body[: EXCERPT * 4].decode("utf-8", "replace")
    cut = len(text) > EXCERPT or len(body) > EXCERPT * 4
    return ["", text[:EXCERPT] + (f" … ({len(body)} bytes)" if cut else "")]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
