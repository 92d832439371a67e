"""One answer, held against what the contract says about its operation.

schemathesis validates status, content type, headers and body; that a request ought to be accepted or refused is decided
here from what was really sent, and left open wherever right services differ.
"""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import requests
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import Failure as Finding
from schemathesis.core.failures import FailureGroup, ServerError
from schemathesis.openapi.checks import JsonSchemaError
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from assesskit.checks.contract_document import pointed
from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure

Wanted = Literal["accepted", "refused", "unknown", "any"]
"""What a request deserves: 2xx or 3xx, 4xx, 404, or whatever the contract names."""
CHECKS: dict[CheckFunction, str] = {
    not_a_server_error: "RFC 9110 section 15.6",
    status_code_conformance: "contract/openapi.yaml",
    content_type_conformance: "RFC 9110 section 8.3",
    response_headers_conformance: "contract/openapi.yaml",
    response_schema_conformance: "contract/openapi.yaml",
}
CANONICAL = re.compile(r"-?(0|[1-9][0-9]*)")
DEEPEST = 100
"""Nesting of an answer that a validator is shown."""
ODD_NUMBER = re.compile(r"[\s+_.,\deE-]*")
"""Spellings that some parsers of integers take and others refuse."""


@dataclass(frozen=True)
class Flaw:
    """An answer that is not as the contract says; those of one `kind` and operation most likely have one cause."""

    operation: str
    kind: str
    what: str
    expected: str
    rule: str
    exchange: Exchange

    @property
    def size(self) -> int:
        """How much a person has to read: characters of the path and the two bodies."""
        answer = self.exchange.response
        return len(self.exchange.request.path) + len(self.exchange.request.body) + len(answer.body if answer else b"")


class Judge:
    """Judges answers of one contract's operations. `operation` is written as in ``POST /v1/orders``."""

    def __init__(self, contract: dict[str, Any]) -> None:
        self._contract = contract
        self.schema = schemathesis.openapi.from_dict(_generated_part(contract), config=schemathesis.Config())

    def wanted_body(self, operation: str, body: bytes) -> Wanted:
        """What a request deserves for its JSON body."""
        method, path = operation.split()
        pointer = pointed("#", "paths", path, method.lower(), "requestBody", "content", "application/json", "schema")
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return "refused"
        if not Draft202012Validator({**self._contract, "$ref": pointer}).is_valid(value):
            return "refused"
        return "accepted" if _plain(value) else "any"

    def wanted_query(self, operation: str, query: Mapping[str, str]) -> Wanted:
        """What a request deserves for its query: integers are judged, texts are not."""
        method, path = operation.split()
        wanted: Wanted = "accepted"
        for parameter in self._contract["paths"][path][method.lower()].get("parameters", ()):
            text = query.get(parameter.get("name", ""))
            if text is None:
                continue
            known = _wanted_integer(parameter["schema"], text)
            if known == "refused":
                return "refused"
            wanted = known if wanted == "accepted" else wanted
        return wanted

    def flaw(self, operation: str, exchange: Exchange, wanted: Wanted = "any") -> Flaw | None:
        """The first thing that is wrong with an answer; None when it is right."""
        if exchange.response is None:
            return Flaw(operation, "silence", exchange.error, "an HTTP answer", "RFC 9110 section 3.4", exchange)
        if exchange.response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            undeserved = _undeserved(operation, exchange, wanted)
            if undeserved is not None:
                return undeserved
        if reason := _unreadable(exchange.response):
            return Flaw(operation, "no JSON", reason, "a JSON document in UTF-8", "RFC 8259", exchange)
        for check, rule in CHECKS.items():
            if finding := self._found(check, operation, exchange):
                what, expected = self._told(finding, operation, exchange.response)
                return Flaw(operation, check.__name__, what, expected, rule, exchange)
        return None

    def _found(self, check: CheckFunction, operation: str, exchange: Exchange) -> Finding | None:
        method, path = operation.split()
        placeholders = dict.fromkeys(re.findall(r"\{([^{}]+)\}", path), "-")
        case = self.schema[path][method].Case(path_parameters=placeholders)
        answer = _as_schemathesis(exchange, path.format(**placeholders))
        try:
            case.validate_response(answer, checks=[check])
        except FailureGroup as group:
            return next(each for each in group.exceptions if isinstance(each, Finding))
        except Finding as finding:
            return finding
        return None

    def _told(self, finding: Finding, operation: str, answer: Response) -> tuple[str, str]:
        """What is wrong and what was expected, in words."""
        method, path = operation.split()
        where = pointed("#", "paths", path, method.lower(), "responses")
        if isinstance(finding, JsonSchemaError):
            at = pointed("", *finding.instance_path) or "the document itself"
            return f"{finding.title.lower()}: {finding.validation_message} (at {at})", pointed(where, answer.status)
        message = " ".join(finding.message.split())
        if isinstance(finding, ServerError):
            return f"{answer.status}: the service broke on this request", "a status below 500, whatever is sent"
        what = f"{answer.status}: {finding.title.lower()}"
        documented = ", ".join(self._contract["paths"][path][method.lower()]["responses"])
        return (f"{what}: {message}" if message else what), f"{where} names {documented}"


def _generated_part(contract: dict[str, Any]) -> dict[str, Any]:
    """The contract without what we write ourselves: headers and credentials of a request."""
    part = copy.deepcopy(contract)
    part.pop("security", None)
    for item in part["paths"].values():
        for operation in (one for one in item.values() if isinstance(one, dict)):
            operation["security"] = []
            given = operation.get("parameters", [])
            operation["parameters"] = [one for one in given if one.get("in") not in (None, "header")]
    return part


def _as_schemathesis(exchange: Exchange, path: str) -> schemathesis.Response:
    answer = exchange.answered()
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    prepared = requests.Request(exchange.request.method, f"http://127.0.0.1{path}").prepare()
    return schemathesis.Response(answer.status, headers, answer.body, prepared, answer.seconds, verify=False)


def _unreadable(answer: Response) -> str:
    """Why a body that says it is JSON cannot be read, found out before any library tries; empty when it can."""
    media_type = (answer.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if not answer.body or not media_type.endswith(("/json", "+json")):
        return ""
    try:
        return "" if _depth(answer.json()) <= DEEPEST else f"{answer.status}: the body is nested beyond reason"
    except Failure as failure:
        return f"{answer.status}: {failure.summary}"


def _depth(value: object) -> int:
    deepest, todo = 0, [(value, 1)]
    while todo:
        one, depth = todo.pop()
        deepest = max(deepest, depth)
        if isinstance(one, dict | list):
            todo += [(each, depth + 1) for each in (one.values() if isinstance(one, dict) else one)]
    return deepest


def _undeserved(operation: str, exchange: Exchange, wanted: Wanted) -> Flaw | None:
    status = exchange.answered().status
    if wanted == "refused" and status < HTTPStatus.BAD_REQUEST:
        what = f"{status}: a request that breaks the contract was accepted"
        return Flaw(operation, wanted, what, "a status of 400 to 499", "RFC 9110 section 15.5", exchange)
    excused = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
    if wanted == "accepted" and status >= HTTPStatus.BAD_REQUEST and status not in excused:
        what = f"{status}: a request that keeps the contract was refused"
        return Flaw(operation, wanted, what, "a status below 400", "RFC 9110 section 15.3", exchange)
    if wanted == "unknown" and status not in (HTTPStatus.NOT_FOUND, *_excuses(exchange)):
        what = f"{status}: the answer for something that does not exist"
        return Flaw(operation, wanted, what, "404", "RFC 9110 section 15.5.5", exchange)
    return None


def _excuses(exchange: Exchange) -> tuple[int, ...]:
    """`If-Match: *` asks for something that exists, so 412 says the same as 404 (RFC 9110 section 13.1.1)."""
    conditional = any(name.lower() == "if-match" for name, _ in exchange.request.headers)
    return (HTTPStatus.PRECONDITION_FAILED,) if conditional else ()


def _wanted_integer(schema: Mapping[str, Any], text: str) -> Wanted:
    if schema.get("type") != "integer":
        return "any"
    if not CANONICAL.fullmatch(text):
        odd = ODD_NUMBER.fullmatch(text) or any(character.isnumeric() for character in text)
        return "any" if odd else "refused"
    return "accepted" if Draft202012Validator(schema).is_valid(int(text)) else "refused"


def _plain(value: object) -> bool:
    """Whether right services agree on a value: no number like 3.0, no character that some of them cannot store."""
    if isinstance(value, dict):
        return all(_plain(key) and _plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    if isinstance(value, str):
        return all(ord(each) < 0x10000 and unicodedata.category(each)[0] in "LNPSZM" for each in value)  # noqa: PLR2004
    return not isinstance(value, float)
