"""What a submission says is cleaned, cut and stripped of credentials before it leaves the grader."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from assesskit.checks.evidence import BODY_CAP, CHECK_CAP, Evidence, clean, storable
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.tokens import Tokens


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("nul\x00bell\x07", "nul\ufffdbell\ufffd"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("over\rwritten", "over\ufffdwritten"),
        ("abc\u202efdp.exe", "abc\ufffdfdp.exe"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("c1 \x9b31m", "c1 \ufffd31m"),
        ("größe 数量 👍", "größe 数量 👍"),
    ],
)
def test_a_text_is_cleaned(said: str, kept: str) -> None:
    """Escapes go, control and direction characters and lone surrogates are replaced, everything else stays."""
    assert clean(said) == kept
    clean(said).encode("utf-8")


def test_a_text_is_cut() -> None:
    """A long text ends with a sign that it was cut; no more than the cap is kept."""
    assert clean("x" * 100, 10) == "xxxxxxxxxx …"
    assert clean("x" * 10, 10) == "xxxxxxxxxx"


def test_a_token_is_not_kept(key_pem: str) -> None:
    """A bearer token is nowhere in evidence: not in the header sent, not in a body that echoes it."""
    token = Tokens({"submission": key_pem}, "https://gateway.test", "orders").mint()
    evidence = Evidence()
    request = Request("GET", "/x", (("authorization", f"Bearer {token}"),))
    answer = Response(200, Headers((("X-Echo", token),)), json.dumps({"echo": token}).encode(), 0.1)
    exchange = Exchange(request, answer, "", 0.1)
    evidence.exchanged(exchange)
    evidence.note("text", f"got {token}")
    assert token not in json.dumps(evidence.collected())
    assert token not in exchange.sent()


def test_values_become_plain_json() -> None:
    """What JSON cannot hold, or some reader cannot, becomes text."""
    value = {
        "nan": float("nan"),
        "inf": float("-inf"),
        "big": 2**64,
        "bytes": b"\xff",
        3: (1, None, True),
        "s": "\ud800",
    }
    kept = storable(value)
    assert kept == {
        "nan": "nan",
        "inf": "-inf",
        "big": "0x10000000000000000",
        "bytes": "\ufffd",
        "3": [1, None, True],
        "s": "\ufffd",
    }
    json.dumps(kept, allow_nan=False).encode("utf-8")


def test_depth_and_length_are_bounded() -> None:
    """A value nested without end, or with a million entries, is cut."""
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    assert json.dumps(storable(deep)).count("[") < 20
    assert len(storable(list(range(5000)))) == 1000


def test_an_exchange_is_told_in_full_but_for_its_size() -> None:
    """Method, path, headers, status and body are kept, repeated headers joined, a long body cut."""
    evidence = Evidence()
    answer = Response(200, Headers((("Vary", "a"), ("Vary", "b"))), b"x" * 100_000, 0.25)
    evidence.exchanged(Exchange(Request("POST", "/v1?x=1", (("A", "b"),), b"{}"), answer, "", 0.25))
    [entry] = evidence.collected()
    assert entry["title"] == "POST /v1"
    assert entry["data"]["sent"] == {"method": "POST", "url": "/v1?x=1", "headers": {"A": "b"}, "body": "{}"}
    assert entry["data"]["received"]["headers"] == {"Vary": "a, b"}
    assert len(entry["data"]["received"]["body"]) <= BODY_CAP + 2


def test_the_last_exchanges_and_the_named_ones_are_kept() -> None:
    """Of many exchanges the last few stay, and each one that a failure names."""
    evidence = Evidence()
    exchanges = [Exchange(Request("GET", f"/{number}"), None, "refused", 0.1) for number in range(50)]
    for exchange in exchanges:
        evidence.exchanged(exchange)
    evidence.name(exchanges[0])
    evidence.name(exchanges[-1])
    kept = [entry["data"]["sent"]["url"] for entry in evidence.collected()]
    assert kept == ["/0", "/49", "/44", "/45", "/46", "/47", "/48"]


def test_one_check_keeps_no_more_than_its_share() -> None:
    """What passes the cap of a check is left out, and that is said."""
    evidence = Evidence()
    for number in range(100):
        evidence.log(f"log {number}", ["x" * 900] * 5)
    kept = evidence.collected()
    assert len(json.dumps(kept)) < CHECK_CAP + 500
    assert kept[-1]["title"] == "left out"


def test_spans_and_calls_begin_at_zero() -> None:
    """Times of spans and relay calls count from the first of them; credentials of a call are not kept."""

    @dataclass(frozen=True)
    class Call:
        at: float
        headers: tuple[tuple[str, str], ...] = (("Authorization", "Bearer x.y.z"), ("traceparent", "00"))
        method: str = "POST"
        path: str = "/reservations"
        key: str = "TEA"
        attempt: int = 1
        status: int | None = 201
        fault: str = ""
        seconds: float | None = 0.1

    evidence = Evidence()
    evidence.relay("calls", [Call(1000.5), Call(1000.0)])
    [entry] = evidence.collected()
    assert [call["at"] for call in entry["data"]["calls"]] == [0.5, 0.0]
    assert entry["data"]["calls"][0]["headers"] == {"Authorization": "Bearer [redacted]", "traceparent": "00"}
