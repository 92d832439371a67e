"""Whether a compatibility gate lets pass what clients get along with, and refuses what breaks them.

The gate is a program of the submission: POST / with ``{"old": …, "new": …}``, two OpenAPI documents, is answered
``{"compatible": true}`` or false. What it is asked about is a small document of ours, with one change each time.
Changes that people disagree about (another value of an enumeration that is told, a narrower default) are not asked.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import prepared
from assesskit.checks.services import Service

OK = 200
Document = dict[str, Any]
Change = Callable[[Document], object]


def _text() -> Document:
    return {"type": "string"}


def _list(of: Document) -> Document:
    return {"type": "array", "items": of}


def document(*, referring: bool) -> Document:
    """A document with three operations, its schemas written in place or referred to."""
    part: Document = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": _text(), "count": {"type": "integer"}},
    }
    entry: Document = {
        "type": "object",
        "required": ["name", "size"],
        "properties": {"name": _text(), "size": {"type": "integer"}, "colour": _text(), "parts": _list(part)},
    }
    wanted: Document = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 80},
            "size": {"type": "integer", "maximum": 900},
            "parts": _list(copy.deepcopy(part)),
        },
    }
    listed = _list(entry)
    if referring:
        refer: Document = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("Entry", "Part", "Wanted")}
        listed = _list(refer["Entry"])
        entry["properties"]["parts"] = _list(refer["Part"])
        schemas = {"Entry": entry, "Part": part, "Wanted": wanted}
        told, sent = refer["Entry"], refer["Wanted"]
    else:
        schemas, told, sent = {}, copy.deepcopy(entry), wanted

    def answer(schema: Document) -> Document:
        return {"description": "as asked", "content": {"application/json": {"schema": copy.deepcopy(schema)}}}

    whole: Document = {
        "openapi": "3.1.0",
        "info": {"title": "Entries", "version": "1.0.0"},
        "paths": {
            "/entries": {
                "get": {
                    "parameters": [{"name": "colour", "in": "query", "schema": _text()}],
                    "responses": {"200": answer(listed)},
                },
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": sent}}},
                    "responses": {"201": answer(told), "400": {"description": "not as it must be"}},
                },
            },
            "/entries/{name}": {
                "parameters": [{"name": "name", "in": "path", "required": True, "schema": _text()}],
                "get": {"responses": {"200": answer(told), "404": {"description": "there is none"}}},
            },
        },
    }
    if schemas:
        whole["components"] = {"schemas": schemas}
    return whole


def _entries(whole: Document) -> list[Document]:
    """Every schema of an entry that is told."""
    if "components" in whole:
        return [whole["components"]["schemas"]["Entry"]]
    paths = whole["paths"]
    one = paths["/entries/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    made = paths["/entries"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    listed = paths["/entries"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]
    return [one, made, listed]


def _wanted(whole: Document) -> Document:
    if "components" in whole:
        found: Document = whole["components"]["schemas"]["Wanted"]
    else:
        found = whole["paths"]["/entries"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return found


def _each(change: Change) -> Change:
    return lambda whole: [change(entry) for entry in _entries(whole)]


def _each_part(change: Change) -> Change:
    """The same for the parts of entries."""

    def changed(whole: Document) -> None:
        if "components" in whole:
            change(whole["components"]["schemas"]["Part"])
        else:
            _each(lambda entry: change(entry["properties"]["parts"]["items"]))(whole)

    return changed


ADDITIVE: dict[str, Change] = {
    "nothing changed": lambda whole: whole,
    "descriptions were added": lambda whole: whole["info"].update(description="of all kinds"),
    "an optional field of answers was added": _each(lambda entry: entry["properties"].update(weight=_text())),
    "a field of answers that is always there was added": _each(
        lambda entry: (entry["properties"].update(made=_text()), entry["required"].append("made"))
    ),
    "an optional field within a field of answers was added": _each_part(
        lambda part: part["properties"].update(weight=_text())
    ),
    "an optional field of answers is always there now": _each(lambda entry: entry["required"].append("colour")),
    "an optional field of requests was added": lambda whole: _wanted(whole)["properties"].update(colour=_text()),
    "an operation was added": lambda whole: whole["paths"]["/entries/{name}"].update(
        delete={"responses": {"204": {"description": "gone"}}}
    ),
    "a path was added": lambda whole: whole["paths"].update(
        {"/colours": {"get": {"responses": {"200": {"description": "all of them"}}}}}
    ),
    "an optional parameter was added": lambda whole: whole["paths"]["/entries"]["get"]["parameters"].append(
        {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    ),
    "requests no longer need a field": lambda whole: _wanted(whole)["required"].remove("name"),
    "a limit of requests was widened": lambda whole: _wanted(whole)["properties"]["name"].update(maxLength=200),
}
BREAKING: dict[str, Change] = {
    "an operation is gone": lambda whole: whole["paths"]["/entries"].pop("post"),
    "an answer has another status": lambda whole: whole["paths"]["/entries"]["post"]["responses"].update(
        {"200": whole["paths"]["/entries"]["post"]["responses"].pop("201")}
    ),
    "a path is gone": lambda whole: whole["paths"].pop("/entries/{name}"),
    "a field of answers is gone": _each(
        lambda entry: (entry["properties"].pop("size"), entry["required"].remove("size"))
    ),
    "an optional field of answers is gone": _each(lambda entry: entry["properties"].pop("colour")),
    "a field within a field of answers is gone": _each_part(lambda part: part["properties"].pop("count")),
    "a field of answers was renamed": _each(
        lambda entry: entry["properties"].update(tint=entry["properties"].pop("colour"))
    ),
    "a number of answers became text": _each(lambda entry: entry["properties"].update(size=_text())),
    "a field of answers that was always text may be null": _each(
        lambda entry: entry["properties"].update(name={"type": ["string", "null"]})
    ),
    "a field of answers that was always there may be absent": _each(lambda entry: entry["required"].remove("size")),
    "requests need a field that they did not": lambda whole: _wanted(whole)["required"].append("size"),
    "requests need a new field": lambda whole: (
        _wanted(whole)["properties"].update(colour=_text()),
        _wanted(whole)["required"].append("colour"),
    ),
    "requests need a field within a field": lambda whole: _wanted(whole)["properties"]["parts"]["items"][
        "required"
    ].append("count"),
    "a field of requests takes another type": lambda whole: _wanted(whole)["properties"].update(size=_text()),
    "a parameter is needed that was optional": lambda whole: whole["paths"]["/entries"]["get"]["parameters"][0].update(
        required=True
    ),
    "a needed parameter was added": lambda whole: whole["paths"]["/entries"]["get"]["parameters"].append(
        {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}}
    ),
    "a limit of requests was added": lambda whole: _wanted(whole)["properties"]["size"].update(minimum=1),
    "a limit of requests was narrowed": lambda whole: _wanted(whole)["properties"]["name"].update(maxLength=8),
}


def cases() -> Iterator[tuple[str, bool, Document, Document]]:
    """What was changed, whether that is compatible, the old document and the new one."""
    for referring in (False, True):
        for compatible, changes in ((True, ADDITIVE), (False, BREAKING)):
            for what, change in changes.items():
                new = document(referring=referring)
                change(new)
                yield what, compatible, document(referring=referring), new


def expect_gate(gate: Service, evidence: Evidence) -> None:
    """Compatible changes pass, breaking ones are refused. Raises Failure with all that it got wrong."""
    wrong: dict[str, Exchange] = {}
    asked = 0
    for what, compatible, old, new in cases():
        exchange = gate.send(prepared("POST", "/", json={"old": old, "new": new}))
        asked += 1
        if _said(exchange) is not compatible:
            said = {True: "let pass", False: "refused", None: "not answered"}[_said(exchange)]
            wrong.setdefault(f"{what}: {said}", exchange)
    evidence.figure("Changes that the gate was asked about", asked, "changes")
    if wrong:
        first = next(iter(wrong))
        raise Failure(
            f"the gate is wrong about {len(wrong)} changes, first: {first}",
            sent='POST / with {"old": a document, "new": the same with one change}',
            received="\n".join(wrong),
            expected='{"compatible": true} for what clients get along with, {"compatible": false} for what breaks them',
            exchange=wrong[first],
        )


def _said(exchange: Exchange) -> bool | None:
    answer = exchange.answered()
    expect(
        answer.status == OK,
        f"the gate answered {answer.status} to two valid documents",
        expected='200 with {"compatible": true} or false',
        exchange=exchange,
    )
    told = answer.json()
    said = told.get("compatible") if isinstance(told, dict) else None
    return said if isinstance(said, bool) else None
