"""The published document: right ones in several styles, and each kind of break."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.checks.documents import CONTRACT, Change, Publishing, changed, create, order_of

from assesskit.checks.contract import keeps_contract, published_document
from assesskit.checks.contract_operations import breaks
from assesskit.checks.contract_styles import plain
from assesskit.checks.expect import Failure

HERE = Path(__file__).parent


def inlined(node: Any, root: dict[str, Any]) -> Any:
    """The document without a single reference."""
    if isinstance(node, list):
        return [inlined(each, root) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = root
        for step in node["$ref"].split("/")[1:]:
            target = target[step]
        return inlined(target, root)
    return {key: inlined(value, root) for key, value in node.items()}


def spelled(node: Any, spell: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The document with every schema of a list of types spelled in another way."""
    if isinstance(node, list):
        return [spelled(each, spell) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: spelled(value, spell) for key, value in node.items()}
    return spell(node) if isinstance(node.get("type"), list) else node


def as_3_0() -> dict[str, Any]:
    document = spelled(CONTRACT, lambda node: {**node, "type": node["type"][0], "nullable": True})
    return {**document, "openapi": "3.0.3"}


def as_any_of() -> dict[str, Any]:
    def spell(node: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in node.items() if key != "type"}
        return {"anyOf": [{**rest, "type": "string"}, {"type": "null"}], "title": "Either"}

    found: dict[str, Any] = spelled(CONTRACT, spell)
    return found


def as_all_of() -> dict[str, Any]:
    def split(document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        whole = schemas.pop("Order")
        status = whole["properties"].pop("status")
        schemas["Base"] = whole
        schemas["Order"] = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"status": status}}]}

    return changed(split)


def by_zod() -> dict[str, Any]:
    """As Zod 4 writes UUIDs (shortened), and the statuses of problems as literals."""
    uuid = {"type": "string", "format": "uuid", "pattern": "^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"}

    def generate(document: dict[str, Any]) -> None:
        document["components"]["parameters"]["OrderId"]["schema"] = uuid
        order_of(document)["properties"].update(id=uuid)
        statuses = {"type": "number", "enum": [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 503, 504]}
        document["components"]["schemas"]["Problem"]["properties"].update(status=statuses)

    return changed(generate)


def behind_a_server_path() -> dict[str, Any]:
    def move(document: dict[str, Any]) -> None:
        document["servers"] = [{"url": "http://127.0.0.1:8000/v1"}]
        paths = document["paths"]
        for path in ("/v1/orders", "/v1/orders/{order_id}", "/v1/orders/{order_id}/cancel"):
            paths[path.removeprefix("/v1")] = paths.pop(path)

    return changed(move)


STYLES: dict[str, Callable[[], Any]] = {
    "the contract itself": lambda: CONTRACT,
    "no references": lambda: inlined(CONTRACT, CONTRACT),
    "3.0 with nullable": as_3_0,
    "anyOf with null": as_any_of,
    "allOf": as_all_of,
    "a server with a path": behind_a_server_path,
    "more than asked": lambda: changed(
        lambda document: (
            order_of(document)["properties"].update(total={"type": "integer"}),
            order_of(document)["required"].append("total"),
            create(document)["responses"].update({"402": {"description": "Too dear"}}),
            document["paths"].update({"/v1/more": {"get": {"responses": {"200": {"description": "More"}}}}}),
        )
    ),
    "ranges of statuses": lambda: changed(
        lambda document: create(document)["responses"].update({"4XX": create(document)["responses"].pop("422")})
    ),
    "an exclusive minimum": lambda: changed(
        lambda document: document["components"]["schemas"].update(
            Quantity={"type": "integer", "exclusiveMinimum": 0, "maximum": 144}
        )
    ),
    "a wider input": lambda: changed(
        lambda document: document["components"]["schemas"].update(
            NewOrder={**document["components"]["schemas"]["NewOrder"], "required": ["sku"]}
        )
    ),
    "an authorization header as parameter": lambda: changed(
        lambda document: create(document)["parameters"].append(
            {"name": "authorization", "in": "header", "required": True, "schema": {"type": "string"}}
        )
    ),
    "generated by Zod": by_zod,
    "generated by FastAPI": lambda: json.loads((HERE / "fastapi_openapi.json").read_text(encoding="utf-8")),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_right_document_passes_in_any_style(style: str) -> None:
    """How a right document is written is nobody's business."""
    document = published_document(Publishing(STYLES[style]()))
    keeps_contract(plain(document), CONTRACT)


BREAKS: dict[str, tuple[Change, str]] = {
    "operation": (
        lambda document: document["paths"]["/v1/orders"].pop("get"),
        "#/paths/~1v1~1orders/get: the operation is missing",
    ),
    "path": (
        lambda document: document["paths"].pop("/livez"),
        "#/paths/~1livez/get: the operation is missing",
    ),
    "status": (
        lambda document: create(document)["responses"].pop("409"),
        "#/paths/~1v1~1orders/post/responses/409: the response is missing",
    ),
    "media type": (
        lambda document: create(document)["responses"]["201"].update(content={"text/plain": {}}),
        "#/paths/~1v1~1orders/post/responses/201/content/application~1json: the media type is missing",
    ),
    "response header": (
        lambda document: create(document)["responses"]["201"]["headers"].pop("Location"),
        "#/paths/~1v1~1orders/post/responses/201/headers/Location: the response header is missing",
    ),
    "response field": (
        lambda document: order_of(document)["properties"].pop("note"),
        "/responses/201/content/application~1json/schema/properties/note: the field is missing",
    ),
    "field made optional": (
        lambda document: order_of(document)["required"].remove("note"),
        "schema/properties/note: the field is always there (required), the served document makes it optional",
    ),
    "field of another type": (
        lambda document: order_of(document)["properties"].update(quantity={"type": "string"}),
        "schema/properties/quantity: the type should be integer; the served document says string",
    ),
    "field of whole numbers and others": (
        lambda document: document["components"]["schemas"]["Problem"]["properties"].update(
            status={"type": "number", "enum": [404, 404.5]}
        ),
        "schema/properties/status: the type should be integer; the served document says number",
    ),
    "field that may be null": (
        lambda document: order_of(document)["properties"].update(id={"type": ["string", "null"], "format": "uuid"}),
        "schema/properties/id: the type should be string; the served document says null",
    ),
    "another value": (
        lambda document: order_of(document)["properties"]["status"].update(enum=["confirmed", "cancelled", "lost"]),
        "schema/properties/status: the served document adds the value 'lost'",
    ),
    "no schema": (
        lambda document: create(document)["responses"]["201"]["content"]["application/json"].pop("schema"),
        "schema: the type should be object; the served document says nothing about it",
    ),
    "items": (
        lambda document: document["components"]["schemas"]["OrderPage"]["properties"]["items"].update(
            items={"type": "string"}
        ),
        "properties/items/items: the type should be object; the served document says string",
    ),
    "required input": (
        lambda document: document["components"]["schemas"]["NewOrder"]["required"].append("note"),
        "schema/properties/note: the served document requires this input, the contract not",
    ),
    "required parameter": (
        lambda document: create(document)["parameters"].append(
            {"name": "X-Tenant", "in": "header", "required": True, "schema": {"type": "string"}}
        ),
        "parameters/X-Tenant: the served document requires this header parameter, the contract not",
    ),
    "parameter": (
        lambda document: document["paths"]["/v1/orders"]["get"].pop("parameters"),
        "#/paths/~1v1~1orders/get/parameters/limit: the query parameter is missing",
    ),
    "request body": (
        lambda document: create(document).pop("requestBody"),
        "#/paths/~1v1~1orders/post/requestBody: the request body is missing",
    ),
    "narrowed type": (
        lambda document: document["components"]["schemas"]["NewOrder"]["properties"].update(note={"type": "string"}),
        "schema/properties/note: the type should accept null; the served document says string",
    ),
    "narrowed range": (
        lambda document: document["components"]["schemas"].update(Quantity={"type": "integer", "maximum": 50}),
        "schema/properties/quantity/maximum: the contract says 144, the served document says 50",
    ),
    "narrowed length": (
        lambda document: document["components"]["schemas"]["Note"].update(maxLength=20),
        "schema/properties/note/maxLength: the contract says 240, the served document says 20",
    ),
    "narrowed pattern": (
        lambda document: document["components"]["schemas"]["Note"].update(pattern="^[a-z]*$"),
        "schema/properties/note: the served document wants a pattern, the contract none",
    ),
    "credentials": (
        lambda document: document["paths"]["/livez"]["get"].pop("security"),
        "#/paths/~1livez/get/security: the served document asks for credentials, the contract for none",
    ),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_each_kind_of_break_is_told_where_it_is(kind: str) -> None:
    """What is missing is named, with the place in the contract that promises it."""
    change, expected = BREAKS[kind]
    document = changed(change)
    with pytest.raises(Failure, match="breaks the contract") as failed:
        keeps_contract(plain(document), CONTRACT)
    assert expected in failed.value.received


def test_a_change_of_one_response_is_told_once() -> None:
    """A break at one place is one finding, not one for each alternative."""
    document = changed(lambda document: create(document)["responses"].pop("503"))
    assert len(breaks(CONTRACT, document)) == 1


def test_a_document_of_many_breaks_lists_some_and_counts_the_rest() -> None:
    """The feedback stays readable."""
    with pytest.raises(Failure, match=r"in \d\d things") as failed:
        keeps_contract({"openapi": "3.1.0", "paths": {"/v1/orders": {"post": {}}}}, CONTRACT)
    assert "… and" in failed.value.received
