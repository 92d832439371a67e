"""Published documents that are none, or that want to hurt who reads them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.checks.documents import CONTRACT, Publishing, changed, order_of

from assesskit.checks.contract import keeps_contract, published_document
from assesskit.checks.contract_document import DocumentError, bounded, validation_problems
from assesskit.checks.contract_operations import breaks
from assesskit.checks.expect import Failure


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"deeper": schema}}
    return schema


def with_schema(name: str, schema: Any) -> dict[str, Any]:
    return changed(lambda document: document["components"]["schemas"].update({name: schema}))


REFUSED: dict[str, tuple[Any, str]] = {
    "a list": ([], "expected an object, got list"),
    "another version": ({"swagger": "2.0", "paths": {}}, "expected version 3.0.x or 3.1.x"),
    "no paths": ({"openapi": "3.1.0"}, "#/paths: it is missing"),
    "deep": (with_schema("Order", nested(100)), "nested more than 64 levels deep"),
    "many": (with_schema("Order", {"enum": list(range(60_000))}), "more than 50000 values"),
    "remote": (with_schema("Order", {"$ref": "http://127.0.0.1:1/order.json"}), "nothing is fetched"),
    "a file": (with_schema("Order", {"$ref": "file:///etc/passwd"}), "nothing is fetched"),
    "dangling": (with_schema("Order", {"$ref": "#/components/schemas/Lost"}), "which is nowhere in the document"),
    "circle": (with_schema("Order", {"$ref": "#/components/schemas/Order"}), "not a valid OpenAPI document"),
    "invalid type": (with_schema("Order", {"type": "strin"}), "'strin' is not"),
    "no info": (changed(lambda document: document.pop("info")), "'info' is a required property"),
    "two ids": (
        changed(lambda document: document["paths"]["/livez"]["get"].update(operationId="ready")),
        "is not unique",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_document_that_is_none_fails_with_the_reason(kind: str) -> None:
    """What is not OpenAPI, or beyond reason, is the submission's failure and says why."""
    document, reason = REFUSED[kind]
    with pytest.raises(Failure) as failed:
        keeps_contract(published_document(Publishing(document)), CONTRACT)
    assert reason.replace("'", '"') in failed.value.summary.replace("'", '"')


def test_an_entangled_schema_ends() -> None:
    """A schema that doubles at every level is given up, not followed."""
    schemas = {f"L{level}": {"allOf": [{"$ref": f"#/components/schemas/L{level + 1}"}] * 2} for level in range(40)} | {
        "L40": {"type": "object"}
    }
    document = changed(
        lambda document: document["components"]["schemas"].update(schemas, Order={"$ref": "#/components/schemas/L0"})
    )
    with pytest.raises(DocumentError, match="too entangled"):
        breaks(CONTRACT, bounded(document))


def test_a_recursive_schema_is_compared() -> None:
    """A field that holds its own kind neither loops nor breaks anything."""
    document = changed(
        lambda document: order_of(document)["properties"].update(parent={"$ref": "#/components/schemas/Order"})
    )
    assert breaks(document, document) == []


def test_a_pattern_that_never_ends_is_cut_off() -> None:
    """The document's own patterns run in another process, and not for long."""
    document = with_schema("Evil", {"type": "string", "pattern": "^(a+)+$", "default": "a" * 40 + "!"})
    assert validation_problems(document, seconds=2.0) == ["#: it could not be validated within 2 seconds"]


def test_no_document_is_told_with_the_answer() -> None:
    """A 404 is told as what it is."""
    with pytest.raises(Failure, match="answered 404"):
        published_document(Publishing({}, status=404))


def test_a_document_beyond_a_megabyte_is_not_read() -> None:
    """Size alone is enough to say no."""
    with pytest.raises(Failure, match="larger than"):
        published_document(Publishing({"info": "x" * 1_100_000}))
