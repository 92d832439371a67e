from __future__ import annotations

import copy
import json
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from assesskit.instruments.collector import Span
from assesskit.instruments.jaeger_json import document
from assesskit.instruments.jaeger_query import QueryServer, query
from assesskit.instruments.jaeger_reading import MAX_TAGS, read

TRACE, OTHER = "a" * 32, "b" * 32
START = 1_700_000_000.0


def span(**changes: Any) -> Span:
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": secrets.token_hex(8),
        "parent_id": "",
        "name": "read",
        "kind": "SERVER",
        "service": "orders",
        "source": "orders",
        "start": START,
        "end": START + 0.25,
        "status": "UNSET",
        "status_message": "",
        "attributes": {},
        "events": (),
        "links": (),
        "flags": 1,
        "scope": "",
    }
    return Span(**{**fields, **changes})


def test_a_span_becomes_what_jaeger_ui_opens():
    """The file has the loader's fields, with times in microseconds and the parent as the first reference."""
    root = span(span_id="1" * 16)
    child = span(
        span_id="2" * 16,
        parent_id=root.span_id,
        name="query",
        kind="CLIENT",
        service="stock",
        source="submission",
        status="ERROR",
        status_message="broken",
        attributes={"text": "x", "n": 7, "part": 0.5, "yes": True, "list": ["a", 1], "none": None, "large": 2**60},
        events=({"name": "exception", "time": START + 0.1, "attributes": {"exception.type": "ValueError"}},),
        links=((OTHER, "3" * 16),),
        scope="tests",
    )
    told = json.loads(json.dumps(document([root, child])))
    assert {key: told[key] for key in ("total", "limit", "offset", "errors")} == {
        "total": 1,
        "limit": 0,
        "offset": 0,
        "errors": None,
    }
    (trace,) = told["data"]
    assert trace["traceID"] == TRACE
    assert trace["processes"] == {
        "p1": {"serviceName": "orders", "tags": []},
        "p2": {"serviceName": "stock", "tags": [{"key": "ingest.source", "type": "string", "value": "submission"}]},
    }
    assert trace["spans"][1] == {
        "traceID": TRACE,
        "spanID": "2" * 16,
        "operationName": "query",
        "references": [
            {"refType": "CHILD_OF", "traceID": TRACE, "spanID": "1" * 16},
            {"refType": "FOLLOWS_FROM", "traceID": OTHER, "spanID": "3" * 16},
        ],
        "flags": 1,
        "startTime": 1_700_000_000_000_000,
        "duration": 250_000,
        "tags": [
            {"key": "text", "type": "string", "value": "x"},
            {"key": "n", "type": "int64", "value": 7},
            {"key": "part", "type": "float64", "value": 0.5},
            {"key": "yes", "type": "bool", "value": True},
            {"key": "list", "type": "string", "value": '["a", 1]'},
            {"key": "none", "type": "string", "value": ""},
            {"key": "large", "type": "int64", "value": str(2**60)},
            {"key": "span.kind", "type": "string", "value": "client"},
            {"key": "otel.status_code", "type": "string", "value": "ERROR"},
            {"key": "error", "type": "bool", "value": True},
            {"key": "otel.status_description", "type": "string", "value": "broken"},
            {"key": "otel.scope.name", "type": "string", "value": "tests"},
        ],
        "logs": [
            {
                "timestamp": 1_700_000_000_100_000,
                "fields": [
                    {"key": "exception.type", "type": "string", "value": "ValueError"},
                    {"key": "event", "type": "string", "value": "exception"},
                ],
            }
        ],
        "processID": "p2",
        "warnings": None,
    }


def test_a_span_that_ends_before_it_starts_says_so():
    """Jaeger knows no negative durations, and shows warnings."""
    (trace,) = document([span(end=START - 1)])["data"]
    (told,) = trace["spans"]
    assert (told["duration"], told["warnings"]) == (0, ["it ends 1000000 µs before it starts"])


WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = st.one_of(
    WORDS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
KEYS = WORDS.filter(lambda key: key not in {"span.kind", "error", "event"} and not key.startswith("otel."))
TIMES = st.integers(0, 2**52).map(lambda microseconds: microseconds / 1e6)
IDS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
EVENTS = st.builds(
    lambda name, time, values: {"name": name, "time": time, "attributes": values},
    WORDS,
    TIMES,
    st.dictionaries(KEYS, VALUES, max_size=3),
)
SPANS = st.builds(
    span,
    trace_id=st.sampled_from([TRACE, OTHER]),
    span_id=IDS,
    name=WORDS,
    kind=st.sampled_from(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]),
    service=WORDS,
    source=st.sampled_from(["gateway", "orders"]),
    start=TIMES,
    status=st.sampled_from(["UNSET", "OK", "ERROR"]),
    status_message=WORDS,
    attributes=st.dictionaries(KEYS, VALUES, max_size=4),
    events=st.lists(EVENTS, max_size=2).map(tuple),
    links=st.lists(st.tuples(st.just(OTHER), IDS), max_size=2).map(tuple),
    flags=st.integers(0, 2**32 - 1),
    scope=WORDS,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(SPANS, max_size=4), st.integers(0, 10**9))
def test_what_is_written_reads_back_the_same(spans, duration):
    """To the microsecond, trace by trace."""
    ending = [replace(each, end=(round(each.start * 1e6) + duration) / 1e6) for each in spans]
    written = json.dumps(document(ending))
    by_trace = sorted(ending, key=lambda each: [span.trace_id for span in ending].index(each.trace_id))
    assert read(written) == by_trace


def test_a_tree_reads_back_with_its_parents():
    """Also where an id is there twice, a parent is missing, and a clock is five hours off."""
    root, child = span(span_id="1" * 16), span(span_id="2" * 16, parent_id="1" * 16, start=START - 18_000)
    spans = [root, replace(child, end=START - 17_999), root, span(parent_id="9" * 16)]
    assert read(json.dumps(document(spans))) == spans


def plain(**changes: Any) -> dict[str, Any]:
    """A document of one span, with changes to the span."""
    told = copy.deepcopy(document([span(span_id="1" * 16, attributes={"n": 1})]))
    told["data"][0]["spans"][0] |= changes
    return told


def test_what_jaeger_leaves_out_is_empty():
    """It writes null for an empty list, and no leading zeros."""
    told = plain(spanID="1f", references=None, tags=None, logs=None, flags=None, warnings=["x"], unknown=7)
    (found,) = read(json.dumps(told))
    assert (found.span_id, found.attributes, found.events, found.flags) == ("0" * 14 + "1f", {}, (), 0)


def test_jaeger_s_own_error_tag_is_a_status():
    """A recording of another tracer has no status of OpenTelemetry's."""
    (found,) = read(json.dumps(plain(tags=[{"key": "error", "type": "bool", "value": True}])))
    assert (found.status, found.attributes) == ("ERROR", {})


def tagged(value: Any, kind: str = "string") -> dict[str, Any]:
    return plain(tags=[{"key": "k", "type": kind, "value": value}])


def related(*pairs: tuple[str, str]) -> dict[str, Any]:
    return document([span(span_id=own * 16, parent_id=above * 16) for own, above in pairs])


def referring(**changes: str) -> dict[str, Any]:
    return plain(references=[{"refType": "CHILD_OF", "traceID": TRACE, "spanID": "2" * 16, **changes}])


AT = r"data\[0\]\.spans\[0\]"


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ([], "it: must be an object"),
        ({}, "data: must be a list"),
        ({"data": [7]}, r"data\[0\]: must be an object"),
        ({"data": [{"traceID": TRACE}]}, r"data\[0\]\.processes: must be an object"),
        ({"data": [{"traceID": "0" * 32, "processes": {}}]}, r"data\[0\]\.traceID: .* is no id"),
        (plain(spanID="xyz"), rf"{AT}\.spanID: 'xyz' is no id"),
        (plain(spanID="0"), rf"{AT}\.spanID: '0' is no id"),
        (plain(spanID="1" * 17), rf"{AT}\.spanID: .* is no id of at most 16"),
        (plain(spanID=7), rf"{AT}\.spanID: must be a text"),
        (plain(traceID=OTHER), rf"{AT}\.traceID: another trace's"),
        (plain(duration=-1), rf"{AT}\.duration: -1 is not from 0"),
        (plain(duration=True), rf"{AT}\.duration: must be a whole number"),
        (plain(startTime=-5), rf"{AT}\.startTime: -5 is not from 0"),
        (plain(startTime=2**60), rf"{AT}\.startTime: .* is not from 0"),
        (plain(startTime=1.5), rf"{AT}\.startTime: must be a whole number"),
        (plain(processID="p9"), rf"{AT}\.processID: no process 'p9'"),
        (plain(operationName="x" * 3000), rf"{AT}\.operationName: longer than 2048"),
        (plain(operationName="\ud800"), rf"{AT}\.operationName: holds half a character"),
        (plain(tags=[{"key": "k", "type": "bool", "value": True}] * 10_000), rf"{AT}\.tags: 10000 items, and at most"),
        (plain(logs=[{}] * 1000), rf"{AT}\.logs: 1000 items"),
        (plain(logs=[{"timestamp": -1, "fields": []}]), rf"{AT}\.logs\[0\]\.timestamp: -1"),
        (tagged("1"), None),
        (tagged(7), rf"{AT}\.tags\[0\]\.value: must be a text"),
        (tagged("x", "int64"), rf"{AT}\.tags\[0\]\.value: must be a whole number"),
        (tagged("x", "float64"), rf"{AT}\.tags\[0\]: its value is no 'float64'"),
        (tagged("x", "object"), rf"{AT}\.tags\[0\]: its value is no 'object'"),
        (referring(), None),
        (referring(refType="ELSE"), rf"{AT}\.references\[0\]\.refType: neither"),
        (referring(spanID=""), rf"{AT}\.references\[0\]\.spanID: '' is no id"),
        (related(("1", "1")), r"data\[0\]: span 1+ is its own ancestor"),
        (related(("1", "2"), ("2", "3"), ("3", "1")), r"data\[0\]: span [123]+ is its own ancestor"),
        (related(("1", "2"), ("2", ""), ("2", "1")), r"data\[0\]: span [12]+ is its own ancestor"),
    ],
)
def test_a_recording_is_read_strictly(told, problem):
    """What is wrong is said with its place; nothing is guessed."""
    if problem is None:
        assert len(read(json.dumps(told))) == 1
        return
    with pytest.raises(ValueError, match=f"^{problem}"):
        read(json.dumps(told))


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 200_000, '{"data": NaN}', b"\xff\xfe\x00", '{"data": [' + "1" * 5000 + "]}"]
)
def test_what_is_no_json_is_refused(text):
    """Deep, cut, in no known encoding, or with numbers that are none."""
    with pytest.raises(ValueError, match=r"^no JSON: "):
        read(text)


def test_an_infinite_number_is_refused():
    """JSON has none, but a large exponent makes one."""
    with pytest.raises(ValueError, match="its value is no 'float64'"):
        read(json.dumps(tagged(0.5, "float64")).replace("0.5", "1e999"))


def test_a_chain_of_thousands_of_spans_is_followed():
    """Depth costs no stack."""
    spans = [span(span_id=f"{n + 1:016x}", parent_id=f"{n:016x}" if n else "") for n in range(5_000)]
    assert len(read(json.dumps(document(spans)))) == 5_000


def test_every_attribute_of_a_collector_has_room():
    """What we write we can read."""
    full = span(attributes={f"k{n}": n for n in range(128)}, status="ERROR", status_message="x", scope="y")
    assert MAX_TAGS >= 128 + 5
    assert read(json.dumps(document([full]))) == [full]


STORE = [
    span(name="GET /a", attributes={"http.status_code": 200}, start=START + 2, end=START + 2.1),
    span(name="query", service="stock", start=START + 2.01, end=START + 2.02),
    span(trace_id=OTHER, name="GET /b", status="ERROR", attributes={"http.status_code": 500}, end=START + 3),
    span(trace_id="c" * 32, name="GET /a", attributes={"cached": True}, start=START + 1, end=START + 1.001),
]


def found(**asked: Any) -> list[str]:
    status, told = query(STORE, f"/api/traces?{urlencode(asked, doseq=True)}")
    assert (status, told["errors"]) == (200, None)
    return [trace["traceID"][0] for trace in told["data"]]


def test_services_and_operations_are_listed():
    """What the search form of a tool is filled with."""
    assert query(STORE, "/api/services") == (
        200,
        {"data": ["orders", "stock"], "total": 2, "limit": 0, "offset": 0, "errors": None},
    )
    odd = span(service="a/b é", name="x")
    assert query([*STORE, odd], f"/api/services/{quote('a/b é', safe='')}/operations")[1]["data"] == ["x"]
    assert query(STORE, "/api/services/orders/operations")[1]["data"] == ["GET /a", "GET /b"]


def test_one_trace_is_found_by_its_id():
    """Whole, whatever was left out of the id in front."""
    status, told = query(STORE, f"/api/traces/{TRACE}")
    assert (status, len(told["data"]), len(told["data"][0]["spans"])) == (200, 1, 2)
    padded = span(trace_id="0" * 31 + "f")
    assert query([padded], "/api/traces/F")[0] == 200


@pytest.mark.parametrize(
    ("asked", "traces"),
    [
        ({"service": "orders"}, ["a", "c", "b"]),
        ({"service": "stock"}, ["a"]),
        ({"service": "else"}, []),
        ({"service": "orders", "limit": 1}, ["a"]),
        ({"service": "orders", "operation": "GET /a"}, ["a", "c"]),
        ({"service": "orders", "tags": '{"error":"true"}'}, ["b"]),
        ({"service": "orders", "tags": '{"http.status_code":200,"span.kind":"server"}'}, ["a"]),
        ({"service": "orders", "tag": ["http.status_code:500", "error:true"]}, ["b"]),
        ({"service": "orders", "tags": '{"cached":true}'}, ["c"]),
        ({"service": "orders", "minDuration": "50ms"}, ["a", "b"]),
        ({"service": "orders", "minDuration": "50ms", "maxDuration": "0.2s"}, ["a"]),
        ({"service": "orders", "start": 1_700_000_001_000_000, "end": 1_700_000_001_500_000}, ["c"]),
        ({"service": "orders", "lookback": "1h", "end": ""}, ["a", "c", "b"]),
    ],
)
def test_a_search_finds_the_latest_traces_with_a_span_that_fits(asked, traces):
    """Everything asked for must hold of one span; the whole trace comes."""
    assert found(**asked) == traces


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("/", 404, "no such page"),
        ("/api/dependencies", 404, "no such page"),
        (f"/api/traces/{'d' * 32}", 404, "trace not found"),
        ("/api/traces/xyz", 400, "hex digits"),
        (f"/api/traces/{'d' * 33}", 400, "hex digits"),
        ("/api/traces", 400, "service: must be given"),
        ("/api/traces?service=orders&limit=0", 400, "limit: from 1"),
        ("/api/traces?service=orders&limit=9999999", 400, "limit: from 1"),
        ("/api/traces?service=orders&limit=x", 400, "limit: must be a whole number"),
        ("/api/traces?service=orders&minDuration=5", 400, "minDuration: must be"),
        ("/api/traces?service=orders&tags=[]", 400, "tags: no JSON object"),
        ("/api/traces?service=orders&tags=" + "[" * 60_000, 400, "tags: no JSON object"),
        ("/api/traces?service=orders&tag=x", 400, "tag: must be key:value"),
        ("/api/traces?" + "x=1&" * 5000, 400, "fields"),
        ("//[", 400, "Invalid IPv6"),
    ],
)
def test_a_bad_question_is_answered_with_its_reason(target, status, reason):
    """In Jaeger's own envelope."""
    answered, told = query(STORE, target)
    assert (answered, told["data"], told["errors"][0]["code"]) == (status, None, status)
    assert reason in told["errors"][0]["msg"]


def test_the_server_answers_from_what_is_there_now():
    """A page that is open sees what has come since."""
    store = [*STORE]
    with QueryServer(lambda: store) as server:
        url = f"http://127.0.0.1:{server.port}/api/services"
        assert requests.get(url, timeout=5).json()["data"] == ["orders", "stock"]
        store.append(span(service="late"))
        answer = requests.get(url, timeout=5)
        assert answer.json()["data"] == ["late", "orders", "stock"]
        assert answer.headers["Content-Type"] == "application/json"
        assert requests.get(url + "x", timeout=5).status_code == 404
        assert requests.post(url, timeout=5).status_code == 501
