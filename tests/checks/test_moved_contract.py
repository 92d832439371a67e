"""The contract of what moves: answers side by side, a document that describes them, a gate, recorded traffic."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from assesskit.checks import described, gatekeeping, parity, recording
from assesskit.checks.days import undated
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.moving import MODE, Moving
from assesskit.checks.parity import Wanted
from assesskit.instruments.rollout_plan import Declared

MOVING = Moving(
    monolith="monolith",
    context="/owners/*/things",
    things="/owners/{owner}/things",
    listed="things",
    made={"size": 1},
    text="note",
    steps={"confirm": "confirmed", "end": "ended"},
    owners="/owners",
    owner_key="path:2",
    owned_by="owner",
    owner={},
    asked="/internal/owners/",
    changes="/internal/changes",
    inbox="/internal/events",
    backfill="/backfill",
    headers=("content-type",),
    left_out=("/id", "/made_at", "/error", "/things/*/id"),
    money="cents",
)
Answers = Callable[[Request], tuple[int, Any]]


def answered(request: Request, status: int, body: Any, kind: str = "application/json") -> Exchange:
    headers = Headers((("Content-Type", kind),))
    return Exchange(request, Response(status, headers, json.dumps(body).encode(), 0.01), "", 0.01)


@dataclass
class Side:
    """One side of a move: answers by a function, and remembers what it was asked."""

    answer: Answers
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request, **_: object) -> Exchange:
        self.asked.append(request)
        return answered(request, *self.answer(request))


@dataclass
class Both:
    """What `parity` needs of a move."""

    service: Side
    monolith: Side
    moving: Moving = MOVING
    waited: int = 0

    def caught_up(self) -> None:
        self.waited += 1


def compared(theirs: Answers, ours: Answers, *wanted: Wanted, told: tuple[Declared, ...] = ()) -> Both:
    both = Both(Side(ours), Side(theirs))
    parity.expect_parity(both, wanted, told, Evidence())  # type: ignore[arg-type]  # the part of a Move that is used
    return both


def always(body: Any, status: int = 200) -> Answers:
    return lambda _: (status, body)


READ = Wanted(Request("GET", "/owners/A/things/x"))
THING = {"id": "x", "made_at": "2026-03-04 12:00:00", "total_cents": 5, "note": None}


def test_the_service_is_asked_in_mirror_and_the_monolith_as_ever():
    both = compared(always(THING), always(THING), READ)
    assert (MODE, "mirror") in both.service.asked[0].headers
    assert both.monolith.asked == [READ.request]


def test_ids_and_times_of_each_side_are_no_difference_and_whether_they_are_there_is():
    compared(always(THING), always(THING | {"id": "y", "made_at": "2025-12-31 23:59:59"}), READ)
    with pytest.raises(Failure, match="first at /made_at"):
        compared(always(THING), always(THING | {"made_at": None}), READ)


@pytest.mark.parametrize("told", ["2026-03-04T12:00:00Z", "2026-03-04 12:00:00.123", "1772625600", "2026-03-04"])
def test_a_time_has_the_form_that_clients_read(told):
    with pytest.raises(Failure, match="first at /made_at"):
        compared(always(THING), always(THING | {"made_at": told}), READ)


@pytest.mark.parametrize(
    ("ours", "place"),
    [
        (THING | {"total_cents": 6}, "/total_cents"),
        (THING | {"note": ""}, "/note"),
        ({name: value for name, value in THING.items() if name != "note"}, "/note"),
        (THING | {"more": 1}, "/more"),
    ],
)
def test_every_other_place_counts_and_null_is_not_absent(ours, place):
    with pytest.raises(Failure, match=f"1 of 1 requests is answered otherwise than by the monolith, first at {place}"):
        compared(always(THING), always(ours), READ)


def test_a_status_counts_and_so_does_no_answer():
    with pytest.raises(Failure, match="first at status"):
        compared(always(THING), always(THING, 201), READ)
    silent: Any = SimpleNamespace(send=lambda request: Exchange(request, None, "the connection was refused", 0.1))
    with pytest.raises(Failure, match="first at status"):
        parity.expect_parity(Both(silent, Side(always(THING))), [READ], (), Evidence())  # type: ignore[arg-type]


def test_what_is_declared_is_shown_and_not_held_against_it():
    meant = Declared("/note", "GET /owners/*/things/*", "nobody reads the notes of things")
    compared(always(THING), always(THING | {"note": ""}), READ, told=(meant,))
    with pytest.raises(Failure, match="first at /total_cents"):
        compared(always(THING), always(THING | {"note": "", "total_cents": 6}), READ, told=(meant,))
    elsewhere = Declared("/note", "GET /owners/*/things", "nobody reads the notes of things")
    with pytest.raises(Failure, match="first at /note"):
        compared(always(THING), always(THING | {"note": ""}), READ, told=(elsewhere,))


def test_ids_of_a_recording_become_those_of_today():
    make = Wanted(Request("POST", "/owners/A/things", (), b"{}"), made="old")
    read = Wanted(Request("GET", "/owners/A/things/old"))

    def theirs(request: Request) -> tuple[int, Any]:
        return (201, THING | {"id": "today"}) if request.method == "POST" else (200, THING)

    both = compared(theirs, theirs, make, read)
    assert both.service.asked[1].path == both.monolith.asked[1].path == "/owners/A/things/today"


def test_nobody_asks_for_what_was_changed_before_the_feed_has_brought_it():
    change = Wanted(Request("POST", "/owners/A/things/x/confirm"))
    other = Wanted(Request("GET", "/owners/B/things"))
    assert compared(always(THING), always(THING), change, other).waited == 0
    assert compared(always(THING), always(THING), change, other, READ, READ).waited == 1


def test_days_are_left_out_of_what_is_told_and_times_are_not():
    assert undated('"due_on": "2026-12-10", "at": "2026-12-10 08:00:00"') == (
        '"due_on": "(a day)", "at": "2026-12-10 08:00:00"'
    )


def test_a_recording_gives_what_is_about_the_context(tmp_path):
    paths = [
        "/owners/A/things",
        "/owners/A/things?limit=1",
        "/owners/A/things/x/confirm",
        "/owners/A",
        "/owners/A/thingses",
    ]
    lines = [{"request": {"path": path}, "answer": {}} for path in paths]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = recording.exchanges(MOVING.context, tmp_path / "t.jsonl")
    assert [one["request"]["path"] for one in found] == paths[:3]


def exchange(status: int = 200, body: Any = None, path: str = "/owners/A/things/x") -> Mapping[str, Any]:
    request: dict[str, Any] = {"method": "GET", "path": path, "headers": {}, "body": None}
    return {"request": request, "answer": {"status": status, "body": body or THING | {"status": "new"}}}


def document(**schema: Any) -> dict[str, Any]:
    schema = schema or {
        "type": "object",
        "required": ["id", "status", "total_cents"],
        "properties": {"total_cents": {"type": "integer"}, "note": {"type": ["string", "null"]}},
    }
    answer = {"description": "it", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/owners/{owner}/things/{thing}": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"Thing": schema}},
    }


def test_a_document_that_says_what_clients_get_describes_it():
    assert described.expect_described(document(), [exchange(), exchange()], "cents") == 2


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "object"}, "answers that nobody could use would fit the document"),
        ({"type": "object", "required": ["id", "status"]}, "with total_cents as text"),
        ({"type": "object", "properties": {"note": {"type": "string"}}}, "recorded answers do not fit the document"),
    ],
)
def test_what_says_too_little_or_another_thing_is_found_out(schema, says):
    with pytest.raises(Failure, match=says):
        described.expect_described(document(**schema), [exchange()], "cents")


def test_a_document_may_refer_to_any_place_of_its_own_and_name_a_charset():
    one = document()
    path, item = next(iter(one["paths"].items()))
    answer = item["get"]["responses"]["200"]
    answer["content"] = {"application/json; charset=utf-8": {"schema": one["components"]["schemas"]["Thing"]}}
    one["components"]["pathItems"] = {"one": item}
    told = "#/components/pathItems/one/get/responses/200/content/application~1json; charset=utf-8/schema"
    one["paths"] = {
        path: {"$ref": "#/components/pathItems/one"},
        "x-note": "an extension",
        "/owners/{owner}": {"get": {"responses": {"200": copy.deepcopy(answer)}}},
    }
    one["paths"]["/owners/{owner}"]["get"]["responses"]["200"]["content"] = {
        "application/json": {"schema": {"$ref": told}}
    }
    assert described.expect_described(one, [exchange(), exchange(path="/owners/A")], "cents") == 2


def test_a_reference_that_leads_nowhere_is_the_documents_fault():
    lost = document(**{"$ref": "#nowhere"})
    with pytest.raises(Failure, match=r"/openapi\.json cannot be used"):
        described.expect_described(lost, [exchange()], "cents")


@pytest.mark.parametrize("odd", [{"status": 404}, {"path": "/owners/A/things"}])
def test_a_status_or_an_operation_that_is_missing_is_named(odd):
    with pytest.raises(Failure, match="1 recorded answers are not in the document"):
        described.expect_described(document(), [exchange(**odd)], "cents")


def test_schemas_in_a_circle_end_and_are_told():
    looping = document(**{"$ref": "#/components/schemas/Thing"})
    with pytest.raises(Failure, match="cannot be used"):
        described.expect_described(looping, [exchange()], "cents")


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "[1, 2", "a: " + "[" * 100, "a: !!bool perhaps"])
def test_yaml_that_is_none_or_a_bomb_is_refused(text):
    with pytest.raises(Failure, match=r"contracts/openapi\.yaml"):
        described._read(text)


def test_dates_stay_the_texts_they_are():
    assert described._read("openapi: 3.1.0\nexample: 2026-03-04") == {"openapi": "3.1.0", "example": "2026-03-04"}


def test_every_case_of_the_gate_is_one_change_of_a_valid_document():
    for what, compatible, old, new in gatekeeping.cases():
        assert (old == new) == (what == "nothing changed"), what
        assert compatible or old != new
    assert len(list(gatekeeping.cases())) == 2 * (len(gatekeeping.ADDITIVE) + len(gatekeeping.BREAKING))


def gate(judge: Callable[[dict[str, Any]], Any], status: int = 200) -> Any:
    def send(request: Request) -> Exchange:
        return answered(request, status, judge(json.loads(request.body)))

    return SimpleNamespace(send=send)


def test_a_gate_that_knows_is_met_and_one_that_refuses_all_or_nothing_is_not():
    known = {json.dumps([old, new]): right for _, right, old, new in gatekeeping.cases()}
    right = gate(lambda asked: {"compatible": known[json.dumps([asked["old"], asked["new"]])]})
    gatekeeping.expect_gate(right, Evidence())
    with pytest.raises(Failure, match="wrong about 18 changes, first: an operation is gone: let pass"):
        gatekeeping.expect_gate(gate(lambda _: {"compatible": True}), Evidence())
    with pytest.raises(Failure, match="first: nothing changed: refused"):
        gatekeeping.expect_gate(gate(lambda _: {"compatible": False}), Evidence())


@pytest.mark.parametrize("said", [{}, [], {"compatible": "yes"}, {"compatible": 1}])
def test_a_gate_that_says_something_else_has_not_answered(said):
    with pytest.raises(Failure, match="not answered"):
        gatekeeping.expect_gate(gate(lambda _: copy.deepcopy(said)), Evidence())


def test_a_gate_that_fails_is_told_so():
    with pytest.raises(Failure, match="the gate answered 500 to two valid documents"):
        gatekeeping.expect_gate(gate(lambda _: {}, 500), Evidence())


@pytest.mark.parametrize(
    ("stalled", "failures", "asked", "outcome"), [(1.0, 1, 2, None), (0.0, 1, 1, Failure), (1.0, 3, 3, Inconclusive)]
)
def test_what_fails_while_the_machine_stands_still_is_asked_again(monkeypatch, stalled, failures, asked, outcome):
    """A service whose call of the monolith ran out of time for that is not held to it; one that fails by itself is."""

    class Stood:
        explained = stalled

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing to settle."""

    answers = iter([*[(503, {})] * failures, (200, THING)])
    service = Side(lambda _: next(answers))
    monkeypatch.setattr(parity, "Stalls", Stood)
    both: Any = Both(service, Side(always(THING)))
    if outcome:
        with pytest.raises(outcome, match=r"1 of 1 requests is answered otherwise|failed 3 times"):
            parity.expect_parity(both, [READ], (), Evidence())
    else:
        parity.expect_parity(both, [READ], (), Evidence())
    assert len(service.asked) == asked
