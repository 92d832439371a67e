"""The one HTTP client that speaks to a submission, and it expects the worst.

h11 over a plain socket to literal 127.0.0.1, one connection a request; the server is not told so, since by `Connection:
close` it could tell a check from load. The deadline covers connecting, sending and the last byte of the answer. Its
bytes on the wire, of the header and of the body are capped, and so are its header fields and the pieces it comes in,
since each costs the grader's own processor. It follows no redirect, knows no proxy and accepts no content coding. What
a server does wrong is an `Exchange` with an `error`, never an exception.
"""

from __future__ import annotations

import json as jsonlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping

import h11

from assesskit.checks.exchange import Exchange, Headers, Request, Response

__all__ = ["Client", "Exchange", "Headers", "Request", "Response"]

BODY_CAP = 256 * 1024
"""Bytes kept of a body where nobody asks for more; the answer is then `truncated`. Checks hold hundreds of answers."""
FRAMING_CAP = 256 * 1024
"""Bytes read from one connection beside the body."""
HEADER_CAP = 64 * 1024
"""Bytes of the status line and the header fields."""
FIELDS_CAP = 256
"""Header fields of an answer."""
INTERIM_CAP = 64
"""Informational responses ahead of an answer (RFC 9110, 15.2)."""
PIECES_CAP = 10_000
"""Pieces that a body comes in: as chunks, or as they arrive."""
READ_SIZE = 64 * 1024
WITH_BODY = ("POST", "PUT", "PATCH")


class _Refused(Exception):  # noqa: N818  the server's doing, told as the `error` of an exchange
    """Why there is no valid answer."""


class Client:
    """Speaks to 127.0.0.1:`port`. Safe to use from several threads; `record` is called with every exchange."""

    def __init__(self, port: int, *, record: Callable[[Exchange], None] | None = None) -> None:
        self.port = port
        self._record = record

    def send(
        self, request: Request, *, deadline: float = 10.0, unfinished: bool = False, most: int = BODY_CAP
    ) -> Exchange:
        """Send one request and read its answer, in `deadline` seconds altogether, and `most` bytes of its body.

        `unfinished`: our body ends where it ends, whatever its Content-Length says.
        Raises ValueError only for a request that cannot be written as HTTP.
        """
        began = time.monotonic()
        until = began + deadline
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_CAP)
        data = self._written(connection, request, unfinished=unfinished)
        response, error = None, ""
        try:
            status, headers, body, truncated = self._carried(connection, data, until, most)
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
        most: int = BODY_CAP,
    ) -> Response:
        """Send a request and return its answer. Raises Failure when there is no valid answer in time."""
        request = prepared(method, path, headers=headers, json=json, body=body)
        return self.send(request, deadline=deadline, most=most).answered()

    def _written(self, connection: h11.Connection, request: Request, *, unfinished: bool) -> bytes:
        given = {name.lower() for name, _ in request.headers}
        own = [("Host", f"127.0.0.1:{self.port}"), ("Accept-Encoding", "identity")]
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

    def _carried(
        self, connection: h11.Connection, data: bytes, until: float, most: int
    ) -> tuple[int, Headers, bytes, bool]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=_left(until)) as link:
            link.settimeout(_left(until))
            try:
                link.sendall(data)
            except (BrokenPipeError, ConnectionResetError) as broken:
                # An early answer, such as 413, may wait behind a closed request stream.
                try:
                    return _answer(connection, link, until, most)
                except (_Refused, OSError):
                    raise broken from None
            return _answer(connection, link, until, most)


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


def _answer(
    connection: h11.Connection, link: socket.socket, until: float, most: int
) -> tuple[int, Headers, bytes, bool]:
    head: h11.Response | None = None
    body = bytearray()
    interim = pieces = 0
    for event in _events(connection, link, until, most + FRAMING_CAP):
        if isinstance(event, h11.Response):
            head = event
            _refuse_odd_head(event)
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > INTERIM_CAP:
                raise _Refused(f"more than {INTERIM_CAP} informational responses came instead of an answer")
        elif isinstance(event, h11.Data):
            pieces += 1
            body += event.data
            if pieces > PIECES_CAP:
                raise _Refused(f"the body of the answer came in more than {PIECES_CAP} pieces")
        else:
            break
        if head is not None and len(body) > most:
            return head.status_code, _fields(head), bytes(body[:most]), True
    if head is None:
        raise _Refused("the connection ended without an answer")
    return head.status_code, _fields(head), bytes(body), False


def _events(connection: h11.Connection, link: socket.socket, until: float, cap: int) -> Iterator[object]:
    """What the server says, as events of h11, up to `cap` bytes on the wire."""
    wire = 0
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise _Refused(f"the answer is not valid HTTP ({error})") from error
        link.settimeout(_left(until))
        if event is not h11.NEED_DATA:
            yield event
            continue
        data = link.recv(READ_SIZE)
        wire += len(data)
        if not data and wire == 0:
            raise _Refused("the connection was closed without an answer")
        if wire > cap:
            raise _Refused(f"the answer takes more than {cap} bytes on the wire")
        connection.receive_data(data)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _refuse_odd_head(head: h11.Response) -> None:
    names = [name for name, _ in head.headers]
    if len(names) > FIELDS_CAP:
        raise _Refused(f"the answer has more than {FIELDS_CAP} header fields")
    if b"transfer-encoding" in names and b"content-length" in names:
        raise _Refused("the answer has both Transfer-Encoding and Content-Length (RFC 9112 section 6.3)")


def _fields(head: h11.Response) -> Headers:
    return Headers(tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()))
