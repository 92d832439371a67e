"""The hardened client against servers that mean harm: every answer is bounded in time and memory, none raises."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from assesskit.checks import http
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GET = Request("GET", "/")
Speak = Callable[[socket.socket], None]
Serve = Callable[[Speak], Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve each connection with a function that gets the socket once the request's head has arrived."""
    servers: list[socket.socket] = []

    def start(speak: Speak) -> Client:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=_serve, args=(server, speak), daemon=True).start()
        return Client(server.getsockname()[1])

    yield start
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()


def _serve(server: socket.socket, speak: Speak) -> None:
    with suppress(OSError):
        while True:
            link, _ = server.accept()
            threading.Thread(target=_speak, args=(link, speak), daemon=True).start()


def _speak(link: socket.socket, speak: Speak) -> None:
    with link, suppress(OSError):
        link.settimeout(5)
        link.recv(65536)
        speak(link)


def says(data: bytes) -> Speak:
    return lambda link: link.sendall(data)


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Speak:
    def speak(link: socket.socket) -> None:
        link.sendall(head)
        while True:
            link.sendall(piece)
            time.sleep(pause)

    return speak


def reset(link: socket.socket) -> None:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(endless(OK + b"Content-Length: 2147483648\r\n\r\n", b"x" * 65536), id="huge body"),
        pytest.param(endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), id="endless chunks"),
        pytest.param(endless(OK + b"\r\n", b"x" * 65536), id="endless body without length"),
    ],
)
def test_a_body_beyond_reason_is_cut(serve: Serve, speak: Speak) -> None:
    """More than the cap is never read, and the answer says that it was cut; as JSON it is a failure."""
    client = serve(speak)
    tracemalloc.start()
    exchange = client.send(GET, deadline=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    answer = exchange.answered()
    assert answer.truncated
    assert len(answer.body) == http.BODY_CAP
    assert peak < 5 * http.BODY_CAP
    with pytest.raises(Failure, match="larger than"):
        answer.json()


@pytest.mark.parametrize("most", [1024, 2 * 1024 * 1024])
def test_whoever_needs_more_or_less_of_a_body_says_so(serve: Serve, most: int) -> None:
    """A document may be large, and of a probe's answer next to nothing is kept."""
    client = serve(endless(OK + b"Content-Length: 2147483648\r\n\r\n", b"x" * 65536))
    assert len(client.send(GET, most=most).answered().body) == most


@pytest.mark.parametrize(
    ("speak", "error"),
    [
        pytest.param(
            endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100), "64 informational responses", id="endless 102"
        ),
        pytest.param(endless(CHUNKED, b"1\r\nx\r\n" * 1000), "more than 10000 pieces", id="chunks of one byte"),
        pytest.param(says(OK + b"a: b\r\n" * 300 + b"\r\n"), "more than 256 header fields", id="many headers"),
        pytest.param(
            endless(CHUNKED, b"1;" + b"e" * 8000 + b"\r\nx\r\n"), "bytes on the wire", id="chunks of mere extensions"
        ),
    ],
)
def test_an_answer_that_only_keeps_the_grader_busy_is_refused(serve: Serve, speak: Speak, error: str) -> None:
    """What costs processor without saying anything ends long before the deadline."""
    exchange = serve(speak).send(GET, deadline=30)
    assert exchange.response is None
    assert error in exchange.error


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(lambda _link: time.sleep(3), id="silent"),
        pytest.param(endless(OK + b"Content-Length: 100000\r\n\r\n", b"x", 0.02), id="drip"),
        pytest.param(endless(CHUNKED, b"1\r\nx\r\n", 0.02), id="chunk drip"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.02), id="header drip"),
        pytest.param(endless(b"H", b"", 0.02), id="status line drip"),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02), id="endless continue"),
    ],
)
def test_the_deadline_covers_the_whole_exchange(serve: Serve, speak: Speak) -> None:
    """However slowly the bytes come, the exchange ends at its deadline."""
    began = time.monotonic()
    exchange = serve(speak).send(GET, deadline=0.3)
    assert exchange.response is None
    assert exchange.error == "no complete answer within 0.3 s"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("speak", "error"),
    [
        pytest.param(says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not valid HTTP", id="another protocol"),
        pytest.param(says(b"HTTP/1.1 2OO OK\r\n\r\n"), "not valid HTTP", id="odd status"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "not valid HTTP", id="odd header"),
        pytest.param(says(b"\x00\xff\xfe" * 100 + b"\r\n\r\n"), "not valid HTTP", id="garbage"),
        pytest.param(says(OK + b"Content-Length: -5\r\n\r\nhello"), "not valid HTTP", id="negative length"),
        pytest.param(says(OK + b"Content-Length: 1e3\r\n\r\nhello"), "not valid HTTP", id="length in words"),
        pytest.param(
            says(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "not valid HTTP", id="two lengths"
        ),
        pytest.param(
            says(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "both", id="two framings"
        ),
        pytest.param(says(CHUNKED + b"zz\r\nhello\r\n"), "not valid HTTP", id="odd chunk size"),
        pytest.param(says(CHUNKED + b"-1\r\nhello\r\n"), "not valid HTTP", id="negative chunk size"),
        pytest.param(says(OK + b"Content-Length: 10\r\n\r\nhello"), "not valid HTTP", id="short body"),
        pytest.param(endless(OK, b"X-Long: " + b"x" * 60000 + b"\r\n"), "not valid HTTP", id="huge headers"),
        pytest.param(says(OK + b"X-A: " + b"x" * 100_000), "not valid HTTP", id="one huge header"),
        pytest.param(says(b""), "closed without an answer", id="closed at once"),
        pytest.param(reset, "broke", id="reset"),
    ],
)
def test_what_is_no_answer_is_told_as_an_error(serve: Serve, speak: Speak, error: str) -> None:
    """An answer that breaks the protocol is an exchange with an error, quickly, and never an exception."""
    exchange = serve(speak).send(GET, deadline=5)
    assert exchange.response is None
    assert error in exchange.error


def test_nobody_there_is_told_as_refused() -> None:
    """A closed port is an exchange with an error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert Client(port).send(GET).error == "the connection was refused"


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    """Where a server points is not where we go."""
    asked: list[socket.socket] = []

    def speak(link: socket.socket) -> None:
        asked.append(link)
        link.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert serve(speak).request("GET", "/").status == 302
    assert len(asked) == 1


def test_a_compressed_body_is_not_unpacked(serve: Serve) -> None:
    """A gzip bomb stays as small as it came, and is no JSON."""
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = serve(says(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)).send(GET)
    assert answer.answered().body == bomb
    with pytest.raises(Failure, match="identity"):
        answer.answered().json()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b"1" * 100_000, id="huge integer"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b"-Infinity", id="infinity"),
        pytest.param(b'"\xff\xfe"', id="not UTF-8"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="not JSON"),
    ],
)
def test_json_that_is_none_fails_the_submission(body: bytes) -> None:
    """Whatever a parser would choke on is the submission's failure, not a crash of ours."""
    with pytest.raises(Failure, match="not JSON"):
        Response(200, Headers(), body, 0.1).json()


def test_an_early_answer_to_a_large_request_is_heard(serve: Serve) -> None:
    """A server may refuse a large body before it has read it; its answer counts."""

    def speak(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)

    assert serve(speak).request("POST", "/", body=b"x" * 20_000_000).status == 413


def test_a_request_is_sent_as_it_is_told() -> None:
    """Identity coding, the JSON body with its type and length; a header given replaces ours. Nothing says that the
    connection is for one request: load has the same fields.
    """
    heard: list[bytes] = []

    def listen(server: socket.socket) -> None:
        link, _ = server.accept()
        with link:
            heard.append(link.recv(65536))
            link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen, args=(server,))
        thread.start()
        Client(server.getsockname()[1]).request("POST", "/x?y=1", json={"a": 1}, headers={"Host": "elsewhere"})
        thread.join(5)
    [text] = heard
    assert text.startswith(b"POST /x?y=1 HTTP/1.1\r\n")
    assert b"Host: elsewhere\r\n" in text
    assert b"Accept-Encoding: identity\r\n" in text
    assert b"connection" not in text.lower()
    assert b"Content-Type: application/json\r\n" in text
    assert b"Content-Length: 8\r\n" in text
    assert text.endswith(b'\r\n\r\n{"a": 1}')


def test_a_request_that_is_no_http_is_our_own_mistake() -> None:
    """A path with a space is a ValueError: it never reaches the submission."""
    with pytest.raises(ValueError, match="cannot be sent"):
        Client(1).send(Request("GET", "/a b"))


def test_every_exchange_is_recorded_and_a_missing_answer_fails_the_submission() -> None:
    """`request` raises Failure without an answer; the exchange is on record all the same."""
    seen: list[Exchange] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Failure, match="refused") as caught:
        Client(port, record=seen.append).request("GET", "/x")
    assert [one.request.path for one in seen] == ["/x"]
    assert caught.value.exchange is seen[0]


def test_headers_are_found_whatever_their_case_and_number() -> None:
    """A multi-map: the first, all, and the order."""
    headers = Headers((("Vary", "a"), ("vary", "b"), ("X", "c")))
    assert headers.get("VARY") == "a"
    assert headers.all("vary") == ("a", "b")
    assert headers.get("none") is None
    assert list(headers.items()) == [("Vary", "a"), ("vary", "b"), ("X", "c")]
