from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import requests

from assesskit.errors import GraderError
from assesskit.instruments.relay import Fault, Relay
from assesskit.instruments.relay_book import KeyRule


def post(relay: Relay, sku: str = "TEA", **options: Any) -> requests.Response:
    return requests.post(f"http://127.0.0.1:{relay.port}/reservations?now=1", json={"sku": sku}, timeout=10, **options)


def answer_with(relay: Relay, fault: Fault) -> requests.Response:
    relay.script("TEA", fault)
    return post(relay)


def test_a_call_crosses_unchanged_in_both_directions(relay, target):
    """Method, path, query, headers and body reach the target as they were sent, and its answer comes back whole."""
    answer = post(relay, headers={"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01", "X-Odd": "1, 2"})
    assert answer.status_code == 201
    assert answer.json() == {"you sent": '{"sku": "TEA"}'}
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    (seen,) = target.seen
    assert (seen["method"], seen["path"]) == ("POST", "/reservations?now=1")
    headers = dict(seen["headers"])
    assert headers["traceparent"] == "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    assert headers["X-Odd"] == "1, 2"
    assert headers["Host"] == f"127.0.0.1:{relay.port}"
    assert headers["User-Agent"].startswith("python-requests")


def test_a_path_is_not_decoded_on_its_way(relay, target):
    """Percent-encoding belongs to the caller."""
    requests.get(f"http://127.0.0.1:{relay.port}/a%2Fb/%C3%A9?x=%20+", timeout=5)
    assert target.seen[0]["path"] == "/a%2Fb/%C3%A9?x=%20+"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("DELETE", 204)])
def test_an_answer_without_a_body_crosses(relay, target, method, status):
    """HEAD and 204 have no body, and no length that promises one."""
    answer = requests.request(method, f"http://127.0.0.1:{relay.port}/x", timeout=5)
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_chunked_body_crosses(relay, target):
    """A body without a length is read to its end."""
    requests.post(f"http://127.0.0.1:{relay.port}/x", data=iter([b'{"sku":', b' "TEA"}']), timeout=5)
    assert target.seen[0]["body"] == '{"sku": "TEA"}'
    assert relay.calls("TEA")


def test_what_the_target_did_is_told_in_short(relay, target):
    """By both keys, also where its answer was lost; what it never saw is not done."""
    relay.script("TEA", Fault.refuse(), Fault.reset(forward=True))
    for number in range(3):
        with suppress(requests.ConnectionError):
            post(relay, headers={"Idempotency-Key": str(number)})
    assert relay.done() == [("TEA", "1"), ("TEA", "2")]
    assert relay.done() == [(call.key, call.header("idempotency-key")) for call in relay.calls() if call.done]


def test_what_crossed_is_recorded(relay, target):
    """A record has both directions, the business key, the attempt and the times."""
    before = time.time()
    post(relay, headers={"traceparent": "00-x"})
    post(relay)
    first, second = relay.calls("TEA")
    assert (first.method, first.path, first.key) == ("POST", "/reservations?now=1", "TEA")
    assert (first.attempt, second.attempt) == (1, 2)
    assert (first.status, first.target_status, first.fault, first.error) == (201, 201, "", "")
    assert first.header("TraceParent") == "00-x"
    assert first.body == '{"sku": "TEA"}'
    assert first.answer_body == '{"you sent": "{\\"sku\\": \\"TEA\\"}"}'
    assert ("Content-Type", "application/json") in first.answer_headers
    assert before <= first.at <= time.time()
    assert first.seconds > 0
    assert first.began < second.began
    assert relay.calls("COFFEE") == []


@pytest.mark.parametrize(
    ("where", "path", "headers", "body", "key"),
    [
        ("json:/sku", "/x", (), b'{"sku": "TEA"}', "TEA"),
        ("json:/items/1/sku", "/x", (), b'{"items": [{}, {"sku": "TEA"}]}', "TEA"),
        ("json:/a~1b/m~0n", "/x", (), b'{"a/b": {"m~n": 7}}', "7"),
        ("json:/sku", "/x", (), b'{"sku": {"no": "text"}}', ""),
        ("json:/sku", "/x", (), b"[" * 100_000, ""),
        ("json:/sku", "/x", (), b"\xff\xfe", ""),
        ("json:/items/9", "/x", (), b'{"items": []}', ""),
        ("header:X-Order", "/x", (("x-order", "A-1"),), b"", "A-1"),
        ("header:X-Order", "/x", (), b"", ""),
        ("path:2", "/stock/TEA?n=1", (), b"", "TEA"),
        ("path:2", "/stock", (), b"", ""),
    ],
)
def test_the_business_key_is_found_where_the_rule_says(where, path, headers, body, key):
    """json:/pointer, header:Name, path:N; a call without it has the empty key."""
    assert KeyRule(where).find(path, headers, body) == key


@pytest.mark.parametrize("where", ["sku", "json:sku", "header:", "path:0", "path:x"])
def test_a_rule_that_says_nothing_known_is_refused(where):
    """The message names the three forms."""
    with pytest.raises(ValueError, match="must be json:/pointer, header:Name or path:N"):
        KeyRule(where)


def test_a_relay_with_an_unknown_rule_does_not_start():
    """The program's refusal reaches who starts it, as a fault of ours."""
    with pytest.raises(GraderError, match="relay inventory: business key 'sku'"):
        Relay.start("inventory", 0, 1, "sku")


def test_a_port_that_is_taken_is_told(target):
    """A relay that cannot listen says so, and is our fault."""
    with pytest.raises(GraderError, match="cannot listen"):
        Relay.start("inventory", target.server_port, 1, "json:/sku")


def test_a_delay_comes_before_the_target_sees_the_call(relay, target):
    """The target's side effect happens after the delay."""
    relay.script("TEA", Fault.delay(0.2))
    start = time.monotonic()
    assert post(relay).status_code == 201
    (seen,) = target.seen
    assert seen["at"] - start >= 0.2


def test_a_late_answer_comes_after_the_target_did_its_work(relay, target):
    """The side effect is there while the valid answer is still held."""
    relay.script("TEA", Fault.late())
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(post, relay)
        assert relay.waiting("TEA")
        assert len(target.seen) == 1
        assert relay.release("TEA") == 1
        assert answer.result().status_code == 201


def test_a_hanging_call_waits_until_it_is_released(relay, target):
    """Simultaneous calls are held together and go on together."""
    relay.script("TEA", Fault.hang(), always=True)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(post, relay) for _ in range(3)]
        assert relay.waiting("TEA", 3)
        assert post(relay, "COFFEE").status_code == 201
        assert [call.ended for call in relay.calls("TEA")] == [None, None, None]
        relay.reset()
        assert [answer.result().status_code for answer in answers] == [201, 201, 201]


def test_waiting_gives_up_in_time(relay):
    """Calls that never come are told as False, not as an error."""
    assert relay.waiting("TEA", timeout=0.05) is False


def test_a_client_that_leaves_a_held_call_is_recorded_and_not_forwarded(relay, target):
    """Letting go of a call whose client has gone has no side effect."""
    relay.script("TEA", Fault.hang())
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"http://127.0.0.1:{relay.port}/x", json={"sku": "TEA"}, timeout=0.2)
    _until(lambda: relay.calls("TEA")[0].error == "the client left")
    relay.reset()
    post(relay, "COFFEE")
    assert [seen["body"] for seen in target.seen] == ['{"sku": "COFFEE"}']


def test_a_refused_call_is_closed_without_a_byte(relay, target):
    """The client sees an orderly end of the connection, the target nothing."""
    relay.script("TEA", Fault.refuse())
    assert _raw(relay, b'{"sku": "TEA"}') == b""
    assert target.seen == []


def test_a_shut_relay_refuses_connections_until_it_is_opened_again(relay, target):
    """As if nothing listened; nothing is recorded, and after it calls cross as before."""
    for again in (relay.reopen, relay.reset):
        post(relay)
        relay.shut()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", relay.port), timeout=5)
        again()
    assert post(relay).status_code == 201
    assert len(relay.calls("TEA")) == len(target.seen) == 3


def test_a_shut_relay_ends_connections_that_were_kept(relay):
    """A client that keeps one open finds it closed: a server that is gone has none."""
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as kept:
        kept.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        relay.shut()
        with suppress(ConnectionResetError):
            while kept.recv(65536):
                pass
    relay.reopen()


def test_nobody_else_gets_the_port_of_a_shut_relay(relay):
    """It stays taken for those who would share it, too."""
    post(relay)
    relay.shut()
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                thief.bind((address, relay.port))
    relay.reopen()
    assert post(relay).status_code == 201


@pytest.mark.parametrize("forward", [False, True])
def test_a_reset_loses_the_answer(relay, target, forward):
    """The connection is reset; with `forward` the target has done its work all the same."""
    relay.script("TEA", Fault.reset(forward=forward))
    with pytest.raises(ConnectionResetError):
        _raw(relay, b'{"sku": "TEA"}')
    assert len(target.seen) == forward
    assert relay.calls("TEA")[0].target_status == (201 if forward else None)
    assert relay.calls("TEA")[0].status is None


def test_a_status_is_answered_in_place_of_the_target(relay, target):
    """The status comes with Retry-After and a problem document, and the target sees nothing."""
    relay.script("TEA", Fault.status(503, retry_after=2))
    answer = post(relay)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 503
    assert target.seen == []
    assert "Retry-After" not in answer_with(relay, Fault.status(500)).headers


def test_a_slow_body_drips(relay):
    """The body takes its time after the target has done its work, and is whole in the end."""
    relay.script("TEA", Fault.slow_body(0.4))
    start = time.monotonic()
    assert post(relay).json() == {"you sent": '{"sku": "TEA"}'}
    assert time.monotonic() - start >= 0.3


def test_a_truncated_body_ends_early(relay):
    """Less comes than the head announced."""
    relay.script("TEA", Fault.truncate())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(relay)


def test_a_wrong_content_type_leaves_the_body(relay):
    """Only the type is another."""
    answer = answer_with(relay, Fault.wrong_type())
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.json() == {"you sent": '{"sku": "TEA"}'}


def test_a_malformed_body_is_whole_but_no_json(relay):
    """Every announced byte comes, and they are no JSON."""
    answer = answer_with(relay, Fault.malformed())
    assert answer.headers["Content-Type"] == "application/json"
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_faults_are_played_by_attempt_of_a_key(relay):
    """Attempts 1, 2, … of one key get its faults in turn; None and later attempts are left alone."""
    relay.script("TEA", Fault.status(500), None, Fault.status(502))
    assert [post(relay).status_code for _ in range(4)] == [500, 201, 502, 201]
    assert post(relay, "COFFEE").status_code == 201
    assert [call.fault for call in relay.calls("TEA")] == ["status", "", "status", ""]


def test_a_script_starts_at_an_attempt_and_may_go_on_always(relay):
    """`attempt` says where the script begins, `always` repeats its last fault."""
    relay.script("TEA", Fault.status(503), attempt=2)
    assert [post(relay).status_code for _ in range(3)] == [201, 503, 201]
    relay.script("TEA", Fault.status(500), Fault.status(503), always=True)
    assert [post(relay).status_code for _ in range(4)] == [500, 503, 503, 503]


def test_a_fault_of_everything_yields_to_scripts(relay):
    """Every call without a script of its key gets it, until it is taken away."""
    relay.everything(Fault.status(503))
    relay.script("TEA", None)
    assert (post(relay).status_code, post(relay, "COFFEE").status_code) == (201, 503)
    relay.everything(None)
    assert post(relay, "COFFEE").status_code == 201


def test_a_reset_relay_does_nothing_to_calls(relay):
    """Faults and counts are gone, records stay until they are cleared."""
    relay.script("TEA", Fault.status(503), always=True)
    relay.everything(Fault.refuse())
    post(relay)
    relay.reset()
    assert (post(relay).status_code, post(relay, "COFFEE").status_code) == (201, 201)
    assert [call.attempt for call in relay.calls("TEA")] == [1, 1]
    relay.clear()
    assert relay.calls() == []


def test_a_dead_target_looks_dead():
    """No answer of ours stands in for a target that does not listen."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    relay = Relay.start("inventory", 0, port, "json:/sku")
    try:
        with pytest.raises(requests.ConnectionError):
            post(relay)
        (call,) = relay.calls("TEA")
    finally:
        relay.stop()
    assert call.status is None
    assert call.error.startswith("target: ")


def test_connections_are_kept_alive(relay):
    """A client's connection serves one call after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=5)
    for _ in range(3):
        connection.request("POST", "/x", body=b"{}")
        socket_before = connection.sock
        assert connection.getresponse().read()
        assert connection.sock is socket_before is not None
    connection.close()


def _raw(relay: Relay, body: bytes) -> bytes:
    head = f"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as connection:
        connection.sendall(head + body)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def _until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
