"""Schemas that somebody hands in: what is wrong with them is told, whatever they are, and nothing is ever fetched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from assesskit.checks import event_schemas
from assesskit.checks.event_schemas import Schemas, schemas_of
from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted
from assesskit.instruments.sink import Taken

KIND = "invoice.created.v1"
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/events/invoice.created.v1.schema.json",
    "type": "object",
    "required": ["id", "total", "lines"],
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "integer"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer"}}}},
}
DATA = {"id": "s1", "total": 1250, "lines": [{"amount": 1250}]}


def event(kind: str = KIND, data: Any = DATA, number: int = 1) -> Taken:
    told = {"specversion": "1.0", "id": f"e{number}", "source": "/invoices", "type": kind, "subject": "s1"}
    return Taken(number, 0.0, number, "structured", told, data, "", 204)


def schemas(changed: Any = None, **more: Any) -> Schemas:
    return Schemas("events/", {KIND: SCHEMA if changed is None else changed, **more})


def submitted(**files: bytes) -> Submitted:
    return Submitted({f"events/{name.replace('_', '.')}.schema.json": text for name, text in files.items()}, {})


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that must never be asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/schema.json", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "it is no JSON object"),
        (True, "it is no JSON object"),
        ({"type": "objekt"}, "/type: 'objekt' is not valid"),
        ({"type": "object", "required": "id"}, "/required: 'id' is not of type 'array'"),
        ({"properties": {"a": {"minimum": "5"}}}, "/properties/a/minimum"),
        ({"$schema": "https://example.com/my-own"}, "is no dialect that is known"),
        ({"$ref": "#/$defs/nowhere"}, r"\$ref: .*nowhere leads nowhere"),
        ({"$ref": "#"}, "it refers to itself without end"),
        (
            {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}},
            "refers to itself without end",
        ),
        ({"$ref": "file:///etc/passwd"}, "is not among the schemas that were handed in, and nothing is fetched"),
        ({"properties": {"a": {"$ref": "urn:isbn:1"}}}, "is not among the schemas that were handed in"),
        ({"type": "string", "pattern": "(" * 5}, "/pattern: .* is not a 'regex'"),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(schema: Any, says: str) -> None:
    with pytest.raises(
        Failure, match=rf"events/invoice.created.v1.schema.json is no JSON Schema that can be used: .*{says}"
    ):
        event_schemas.expect_schemas(schemas(schema))


def test_a_remote_reference_is_never_fetched(elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    with pytest.raises(Failure, match="and nothing is fetched"):
        event_schemas.expect_schemas(schemas({"properties": {"a": {"$ref": url}}}))
    beside = {"$id": url, "properties": {"a": {"$ref": "other.json"}}}
    event_schemas.expect_schemas(schemas(beside))
    with pytest.raises(Failure, match="it cannot be judged"):
        event_schemas.expect_described(schemas(beside), [event(data={"a": 1})])
    assert asked == []


@pytest.mark.parametrize(
    "schema",
    [
        SCHEMA,
        {},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
        {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}},
        {"enum": [{"$ref": "https://example.com/no-reference-at-all"}]},
        {"properties": {"$ref": {"type": "string"}}},
    ],
)
def test_a_schema_that_can_be_used_is_fine(schema: Any) -> None:
    event_schemas.expect_schemas(schemas(schema))


def test_schemas_may_refer_to_each_other_by_file_or_by_id() -> None:
    line = {"$id": "https://example.com/events/line.schema.json", "type": "object", "required": ["amount"]}
    by_id = {**SCHEMA, "properties": {"lines": {"items": {"$ref": "line.schema.json"}}}}
    held = schemas(by_id, line=line)
    event_schemas.expect_schemas(held)
    event_schemas.expect_described(held, [event()])
    with pytest.raises(Failure, match="/lines/0: 'amount' is a required property"):
        event_schemas.expect_described(held, [event(data={**DATA, "lines": [{}]})])
    by_name = {"properties": {"lines": {"items": {"$ref": "line"}}}}
    event_schemas.expect_schemas(schemas(by_name, line={"type": "object"}))


def test_a_pattern_that_takes_for_ever_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_schemas, "SECONDS", 2)
    slow = {"properties": {"id": {"pattern": "^(a+)+$"}}}
    with pytest.raises(Failure, match="the schemas cannot be judged within 2 s of processor"):
        event_schemas.expect_described(schemas(slow), [event(data={"id": "a" * 60 + "!"})])


DOUBLED = {f"d{depth}": {"KIND": [{"$ref": f"#/$defs/d{depth + 1}"}] * 2} for depth in range(40)}


@pytest.mark.parametrize(("kind", "value"), [("allOf", {}), ("anyOf", "no object")])
def test_a_schema_that_doubles_itself_over_and_over_ends_in_time(
    kind: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time or memory is up, whichever is first; neither is the grader's."""
    monkeypatch.setattr(event_schemas, "SECONDS", 3)
    told = json.loads(json.dumps({"$ref": "#/$defs/d0", "$defs": {**DOUBLED, "d40": {"type": "object"}}}))
    wide = json.loads(json.dumps(told).replace("KIND", kind))
    with pytest.raises(Failure, match=r"cannot be judged(: they take more memory| within 3 s)"):
        event_schemas.expect_described(schemas(wide), [event(data=value)])


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"there is no file events/\*\.schema\.json"),
        ({"invoice_created_v1": b"{"}, r"events/invoice\.created\.v1\.schema\.json is no JSON"),
        ({"invoice_created_v1": b"[" * 100_000}, "is no JSON: nested too deeply|is no JSON: .*"),
        ({"invoice_created_v1": b'"' + b"x" * 140_000 + b'"'}, "is longer than 131072 characters"),
        ({f"a{number}_v1": b"{}" for number in range(41)}, "there are 41 files"),
    ],
)
def test_files_that_are_no_schemas_are_told(files: dict[str, bytes], says: str) -> None:
    with pytest.raises(Failure, match=says):
        schemas_of(submitted(**files))


def test_schemas_are_read_by_the_type_they_are_named_after() -> None:
    held = schemas_of(Submitted({"events/invoice.created.v1.schema.json": json.dumps(SCHEMA).encode()}, {}))
    assert held.by_type == {KIND: SCHEMA}
    assert held.path(KIND) == "events/invoice.created.v1.schema.json"


def test_events_are_as_their_schema_says() -> None:
    event_schemas.expect_described(schemas(), [event()])
    with pytest.raises(
        Failure, match=r"an event of the type invoice\.created\.v1 is not as its schema says: /total"
    ) as found:
        event_schemas.expect_described(schemas(), [event(), event(data={**DATA, "total": 12.5})])
    assert '"total": 12.5' in found.value.received


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("invoice.created", "has no version"),
        ("invoice.created.v0", "has no version"),
        ("invoice.created.v1.0", "has no version"),
        ("invoice.paid.v1", "has no schema"),
    ],
)
def test_every_type_has_a_version_and_a_schema(kind: str, says: str) -> None:
    event_schemas.expect_versioned(schemas(), [event()])
    with pytest.raises(Failure, match=says):
        event_schemas.expect_versioned(schemas(), [event(), event(kind)])


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({}, "accepts data without id"),
        ({**SCHEMA, "required": ["id", "lines"]}, "accepts data without total"),
        ({**SCHEMA, "properties": {"id": {"type": "string"}}}, "accepts data whose total is of another type"),
    ],
)
def test_a_schema_that_accepts_what_no_reader_could_use_describes_nothing(schema: Any, says: str) -> None:
    needed = ("id", "total", "not there")
    event_schemas.expect_strict(schemas(), [event()], needed)
    with pytest.raises(Failure, match=says):
        event_schemas.expect_strict(schemas(schema), [event()], needed)


def test_a_schema_that_is_closed_breaks_with_the_first_addition() -> None:
    event_schemas.expect_open(schemas(), [event()])
    with pytest.raises(Failure, match="refuses a field that was not there before"):
        event_schemas.expect_open(schemas({**SCHEMA, "additionalProperties": False}), [event()])


def test_events_that_the_published_contract_refuses_break_its_readers() -> None:
    event_schemas.expect_compatible({KIND: SCHEMA}, [event()])
    with pytest.raises(Failure, match=r"not as the published contract says: /: 'currency' is a required"):
        event_schemas.expect_compatible({KIND: {**SCHEMA, "required": ["currency"]}}, [event()])
