"""Two answers differ in exactly the places that are told."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assesskit.instruments.differences import MOST, Differ, Seen, changed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def answer(body: object, status: int = 200, **headers: str) -> Seen:
    return Seen(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def places(monolith: Seen, service: Seen, *left_out: str, headers: tuple[str, ...] = ()) -> list[str]:
    return [one.place for one in Differ(headers, left_out).differences(monolith, service)]


@pytest.mark.parametrize(
    ("monolith", "service", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": 0}, {"a": False}, ["/a"]),
        ({"a": None}, {}, ["/a"]),
        ({}, {"a": None}, ["/a"]),
        ({"a": "1.0"}, {"a": 1.0}, ["/a"]),
        ({"a": 0.3}, {"a": 0.30000000000000004}, ["/a"]),
        ([1, 2], [2, 1], ["/0", "/1"]),
        ([1, 2], [1], ["/1"]),
        ({"a/b": {"c~d": 1}}, {"a/b": {"c~d": 2}}, ["/a~1b/c~0d"]),
        ({"a": [1]}, {"a": {"0": 1}}, ["/a"]),
        (b"no json", {"a": 1}, [""]),
        (b"no json", b"nor this", [""]),
        (b"same", b"same", []),
        (b"[NaN]", [1], [""]),
        (b"[" * 100_000, [1], [""]),
    ],
)
def test_what_differs_in_a_body(monolith: object, service: object, expected: list[str]) -> None:
    assert places(answer(monolith), answer(service)) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("application/json; charset=utf-8", []),
        ("Application/JSON", []),
        ("text/html", ["header:content-type"]),
        ("application/problem+json", ["header:content-type"]),
    ],
)
def test_of_a_content_type_the_parameters_are_not_looked_at(told: str, expected: list[str]) -> None:
    monolith, service = (Seen(200, {"content-type": kind}, b"{}") for kind in ("application/json", told))
    assert places(monolith, service, headers=("Content-Type",)) == expected
    assert places(monolith, answer({}), headers=("Content-Type",)) == ["header:content-type"]


def test_status_and_chosen_headers_are_compared_and_others_are_not() -> None:
    left, right = answer({}, etag='"1"', server="a"), answer({}, 404, server="b")
    assert places(left, right, headers=("ETag",)) == ["status", "header:etag"]
    (_, header) = Differ(("etag",)).differences(left, right)
    assert (header.monolith, header.service) == ('"\\"1\\""', "absent")


@pytest.mark.parametrize(
    ("left_out", "rest"),
    [
        ("/lines/*/note", ["status", "/id"]),
        ("/lines", ["status", "/id"]),
        ("/*", ["status"]),
        ("status", ["/id", "/lines/0/note"]),
        ("/line", ["status", "/id", "/lines/0/note"]),
        ("/lines/1/note", ["status", "/id", "/lines/0/note"]),
    ],
)
def test_a_place_that_may_differ_is_left_out_with_all_below(left_out: str, rest: list[str]) -> None:
    left = answer({"id": 1, "lines": [{"note": None}]})
    right = answer({"id": 2, "lines": [{"note": ""}]}, 201)
    assert places(left, right, left_out) == rest


@given(VALUES)
def test_a_document_is_no_different_from_itself(value: object) -> None:
    spaced = json.dumps(value, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert places(answer(value), answer(copy.deepcopy(value))) == []
    if b"\xed" not in spaced:
        assert places(answer(value), answer(spaced)) == []


@given(VALUES, VALUES)
def test_differing_is_mutual(one: object, other: object) -> None:
    there, back = places(answer(one), answer(other)), places(answer(other), answer(one))
    assert sorted(there) == sorted(back) or len(there) == len(back) == MOST


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=1, max_size=8), st.data())
def test_one_changed_value_is_one_difference_at_its_pointer(document: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    body = json.dumps(document).encode()
    spoilt = changed(body, pointer, 1)
    assert spoilt is not None
    assert places(answer(body), answer(spoilt)) == [pointer]


def test_a_value_is_changed_at_the_first_place_that_fits() -> None:
    body = json.dumps({"lines": [{"amount": "5"}, {"amount": 7}, {"amount": 9}]}).encode()
    spoilt = changed(body, "/lines/*/amount", 1)
    assert places(answer(body), answer(spoilt or b"")) == ["/lines/1/amount"]
    assert changed(body, "/total", 1) is None
    assert changed(b"no json", "/total", 1) is None
    assert changed(b'{"total": true}', "/total", 1) is None


def test_hostile_documents_cost_little_and_what_is_told_is_short() -> None:
    many = answer([0] * 200_000)
    assert len(places(many, answer([1] * 200_000))) == MOST
    assert places(many, answer([0] * 199_999 + [1])) == ["/49999"]
    (told,) = Differ(()).differences(answer({"a": "x" * 10_000}), answer({"a": 1}))
    assert len(told.monolith) <= 120


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1, 2], "[1, 2]"),
        (["x" * 10] * 40, "a list of 40"),
        ({"a": 1}, '{"a": 1}'),
        ({f"name-{at}": at for at in range(40)}, "an object of 40 fields"),
    ],
)
def test_what_is_long_is_told_by_its_size(value: object, told: str) -> None:
    """Not cut in the middle, where another name for a field would cut it elsewhere."""
    (found,) = Differ(()).differences(answer({"a": value}), answer({}))
    assert found.monolith == told
