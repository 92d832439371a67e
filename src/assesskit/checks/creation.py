"""A call that makes one thing, as most checks need it: fresh, authorised, and recognisable at our dependency."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import expect
from assesskit.checks.stalls import Stalls

if TYPE_CHECKING:
    from assesskit.checks.http import Client
    from assesskit.checks.services import Service

CREATED = 201
RECOVERING = (429, 503, 504)
PATIENCE = 15.0
"""Seconds that a service gets to make things again after what other checks did to its dependency."""
POLL = 0.25

_PATH = re.compile(r"/[!-~]+")


@dataclass(frozen=True)
class Creation:
    """One intention to create: however often it is sent, it has the same `key` and should have one effect.

    `mark` is the value by which the relay in front of our dependency recognises the calls made for it.
    """

    path: str
    payload: Mapping[str, Any]
    mark: str
    token: str
    key: str

    @classmethod
    def fresh(cls, path: str, payload: Mapping[str, Any], *, mark: str, token: str) -> Creation:
        """A new intention; the payload's field `mark` is made unique (capital letters, digits, dashes)."""
        unique = f"{payload[mark]}-{uuid.uuid4().hex[:12].upper()}"
        return cls(path, {**payload, mark: unique}, unique, token, str(uuid.uuid4()))

    @property
    def bearer(self) -> dict[str, str]:
        """The header that its caller is known by."""
        return {"Authorization": f"Bearer {self.token}"}

    def request(self, *, body: bytes | None = None, key: str | None = "", **headers: str) -> Request:
        """The request; `body` writes the same payload otherwise, `key` None leaves the Idempotency-Key out.

        Further headers by keyword: ``traceparent="…"``.
        """
        named = self.key if key == "" else key
        fields = {**self.bearer, "Content-Type": "application/json", **headers}
        if named is not None:
            fields["Idempotency-Key"] = named
        written = json.dumps(dict(self.payload)).encode() if body is None else body
        return Request("POST", self.path, tuple(fields.items()), written)


def patiently(
    sender: Client | Service, request: Request, seconds: float = PATIENCE, later: Container[int] = RECOVERING
) -> Exchange:
    """Send a request; again, for some `seconds`, while the answer is one of `later`: it says that the service still
    recovers from what was done to its dependency before, or has no room just now. Where that is not judged, that is.
    """
    with Stalls() as stalls:
        while True:
            exchange = sender.send(request)
            waits = exchange.response is not None and exchange.response.status in later
            if not waits or not stalls.within(seconds):
                return exchange
            time.sleep(POLL)


def made(sender: Client | Service, creation: Creation, **headers: str) -> Exchange:
    """Make what a check goes on with, patiently; `headers` as in `Creation.request`. Raises Failure when it fails."""
    exchange = patiently(sender, creation.request(body=None, **headers))
    created(exchange)
    return exchange


def created(exchange: Exchange) -> Response:
    """The answer to a creation that has to succeed. Raises Failure when it is no 201."""
    answer = exchange.answered()
    expect(
        answer.status == CREATED,
        f"POST {exchange.request.path} with a new key and a valid payload answered {answer.status}",
        expected="201",
        rule="RFC 9110, 15.3.2",
        exchange=exchange,
    )
    return answer


def place(exchange: Exchange) -> str:
    """The path of what a creation made: its Location, which may be relative to the request (RFC 9110, 10.2.2), or,
    without one, the id in the answer below the path it was sent to. Raises Failure when neither leads anywhere.
    """
    answer, path = exchange.answered(), exchange.request.path
    location = answer.headers.get("location")
    if location is None:
        made = answer.json()
        location = f"{path}/{made.get('id')}" if isinstance(made, dict) else ""
    try:
        found = urlsplit(urljoin(path, location))._replace(scheme="", netloc="", fragment="").geturl()
    except ValueError:
        found = ""
    expect(
        _PATH.fullmatch(found) is not None and found != path,
        f"POST {path} answered 201 with Location {location}",
        expected="the place of what was made",
        rule="RFC 9110, 15.3.2",
        exchange=exchange,
    )
    return found
