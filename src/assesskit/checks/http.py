"""The one HTTP client that speaks to a submission, and it expects the worst.

h11 over a plain socket to literal 127.0.0.1, one connection a request. The deadline covers connecting, sending and the
last byte of the answer; bytes on the wire, of the header and of the body are capped. It follows no redirect, knows no
proxy and accepts no content coding. What a server does wrong is an `Exchange` with an `error`, never an exception.
"""

from __future__ import annotations

import json as jsonlib
import socket
import time
from collections.abc import Callable, Mapping

import h11

from assesskit.checks.exchange import Exchange, Headers, Request, Response

__all__ = ["Client", "Exchange", "Headers", "Request", "Response"]

WIRE_CAP = 12 * 1024 * 1024
"""Bytes read from one connection, framing included."""
BODY_CAP = 8 * 1024 * 1024
"""Bytes kept of one body; the answer is then `truncated`."""
HEADER_CAP = 64 * 1024
"""Bytes of the status line and the header fields."""
READ_SIZE = 64 * 1024
WITH_BODY = ("POST", "PUT", "PATCH")


class _Refused(Exception):  # noqa: N818  the server's doing, told as the `error` of an exchange
    """Why there is no valid answer."""


class Client:
    """Speaks to 127.0.0.1:`port`. Safe to use from several threads; `record` is called with every exchange."""

    def __init__(self, port: int, *, record: Callable[[Exchange], None] | None = None) -> None:
        self.port = port
        self._record = record

    def send(self, request: Request, *, deadline: float = 10.0, unfinished: bool = False) -> Exchange:
        """Send one request and read its answer, in `deadline` seconds altogether.

        `unfinished`: the body ends where it ends, whatever its Content-Length says.
        Raises ValueError only for a request that cannot be written as HTTP.
        """
        began = time.monotonic()
        until = began + deadline
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_CAP)
        data = self._written(connection, request, unfinished=unfinished)
        response, error = None, ""
        try:
            status, headers, body, truncated = self._carried(connection, data, until)
            response = Response(status, headers, body, time.monotonic() - began, truncated)
        except _Refused as refusal:
            error = str(refusal)
        except TimeoutError:
            error = f"no complete answer within {deadline:g} s"
        except ConnectionRefusedError:
            error = "the connection was refused"
        except OSError as broken:
            error = f"the connection broke ({broken.strerror or type(broken).__name__})"
        exchange = Exchange(request, response, error, time.monotonic() - began)
        if self._record:
            self._record(exchange)
        return exchange

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = ...,
        body: bytes = b"",
        deadline: float = 10.0,
    ) -> Response:
        """Send a request and return its answer. Raises Failure when there is no valid answer in time."""
        return self.send(prepared(method, path, headers=headers, json=json, body=body), deadline=deadline).answered()

    def _written(self, connection: h11.Connection, request: Request, *, unfinished: bool) -> bytes:
        given = {name.lower() for name, _ in request.headers}
        own = [("Host", f"127.0.0.1:{self.port}"), ("Accept-Encoding", "identity"), ("Connection", "close")]
        if (request.body or request.method in WITH_BODY) and "transfer-encoding" not in given:
            own.append(("Content-Length", str(len(request.body))))
        fields = [(name, value) for name, value in own if name.lower() not in given]
        fields += request.headers
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]
        try:
            head = connection.send(h11.Request(method=request.method, target=request.path, headers=encoded))
            body = connection.send(h11.Data(data=request.body)) if request.body else b""
            end = b"" if unfinished else connection.send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise ValueError(f"{request.method} {request.path!r} cannot be sent: {error}") from error
        return b"".join(part for part in (head, body, end) if part)

    def _carried(self, connection: h11.Connection, data: bytes, until: float) -> tuple[int, Headers, bytes, bool]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=_left(until)) as link:
            link.settimeout(_left(until))
            try:
                link.sendall(data)
            except (BrokenPipeError, ConnectionResetError) as broken:
                # An early answer, such as 413, may wait behind a closed request stream.
                try:
                    return _answer(connection, link, until)
                except (_Refused, OSError):
                    raise broken from None
            return _answer(connection, link, until)


def prepared(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: object = ...,
    body: bytes = b"",
) -> Request:
    """A request; `json` is written as the body with its content type unless the headers name another."""
    fields = dict(headers or {})
    if json is not ...:
        body = jsonlib.dumps(json).encode()
        if "content-type" not in {name.lower() for name in fields}:
            fields["Content-Type"] = "application/json"
    return Request(method, path, tuple(fields.items()), body)


def _answer(connection: h11.Connection, link: socket.socket, until: float) -> tuple[int, Headers, bytes, bool]:
    head: h11.Response | None = None
    body = bytearray()
    wire = 0
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise _Refused(f"the answer is not valid HTTP ({error})") from error
        if event is h11.NEED_DATA:
            link.settimeout(_left(until))
            data = link.recv(READ_SIZE)
            wire += len(data)
            if not data and wire == 0:
                raise _Refused("the connection was closed without an answer")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
            _refuse_two_lengths(event)
        elif isinstance(event, h11.Data):
            _left(until)
            body += event.data
        elif isinstance(event, h11.InformationalResponse):
            _left(until)
        elif head is None:
            raise _Refused("the connection ended without an answer")
        else:
            return head.status_code, _fields(head), bytes(body), False
        if head is not None and (len(body) > BODY_CAP or wire > WIRE_CAP):
            return head.status_code, _fields(head), bytes(body[:BODY_CAP]), True
        if wire > WIRE_CAP:
            raise _Refused(f"no answer in the first {WIRE_CAP} bytes")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _refuse_two_lengths(head: h11.Response) -> None:
    names = [name for name, _ in head.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise _Refused("the answer has both Transfer-Encoding and Content-Length (RFC 9112 section 6.3)")


def _fields(head: h11.Response) -> Headers:
    return Headers(tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()))
