"""The error answers a contract promises: the right status, as a problem document that says the same (RFC 9457)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from assesskit.checks.contract_limits import body_limit, key_limit
from assesskit.checks.creation import patiently
from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.misses import Miss, tell
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Case:
    """One request, the status it must be answered with, and where that is written.

    Exactly one thing is wrong with it, or its credentials are, which come before all else.
    """

    name: str
    status: int
    request: Request
    rule: str
    header: Callable[[Response], str] | None = None
    """What is wrong with the headers that this status needs; empty when nothing is."""


def answers_errors_well(client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
    """Every error of the contract is answered with its status and a problem document. All are tried before Failure."""
    cases = [
        *_credentials(tokens, resource),
        *_requests(tokens, resource),
        *_keys(tokens, resource, key_limit(contract, resource)),
        _too_large(tokens, resource, body_limit(contract, resource)),
        *_states(client, tokens, resource),
    ]
    misses = []
    for case in cases:
        exchange = patiently(client, case.request)
        if reason := _wrong(case, exchange):
            expected = f"{case.status} as {PROBLEM} with type, title, status"
            misses.append(Miss(case.name, exchange, reason, expected, case.rule))
    tell(misses, f"{len(cases)} error answers are not as the contract says", rule="RFC 9457")


def _credentials(tokens: Tokens, resource: Resource) -> Iterator[Case]:
    post = {"Idempotency-Key": _key()}
    unauthorized = "RFC 9110 section 11.6.1"
    for name, value in (
        ("no token", None),
        ("a token that is none", "Bearer not-a-token"),
        ("an expired token", f"Bearer {tokens.mint(exp=1)}"),
    ):
        headers = post if value is None else post | {"Authorization": value}
        yield Case(
            name, 401, prepared("POST", resource.path, headers=headers, json=resource.example), unauthorized, _challenge
        )
    no_json = prepared("POST", resource.path, headers=post | {"Content-Type": "application/json"}, body=b"{")
    yield Case("no token, and a body that is not JSON", 401, no_json, unauthorized, _challenge)
    keyless = prepared("POST", resource.path, json=resource.example)
    yield Case("no token, and no Idempotency-Key", 401, keyless, unauthorized, _challenge)
    unknown = resource.item_path(uuid.uuid4())
    yield Case("no token, and an id that does not exist", 401, prepared("GET", unknown), unauthorized, _challenge)
    readonly, forbidden = post | tokens.bearer(resource.read), "RFC 9110 section 15.5.4"
    missing_scope = prepared("POST", resource.path, headers=readonly, json=resource.example)
    yield Case(f"a token without {resource.write}", 403, missing_scope, forbidden)
    out_of_range = prepared("POST", resource.path, headers=readonly, json=resource.example | {resource.count: 0})
    yield Case(f"a token without {resource.write}, and a {resource.count} out of range", 403, out_of_range, forbidden)
    unread = prepared("GET", unknown, headers=tokens.bearer(resource.write))
    yield Case(f"a token without {resource.read}, and an id that does not exist", 403, unread, forbidden)


def _requests(tokens: Tokens, resource: Resource) -> Iterator[Case]:
    headers = tokens.bearer() | {"Content-Type": "application/json"}

    def post(body: object, **changed: str) -> Request:
        fields = (
            headers | {"Idempotency-Key": _key()} | {name.replace("_", "-"): text for name, text in changed.items()}
        )
        return prepared(
            "POST", resource.path, headers=fields, body=body if isinstance(body, bytes) else json.dumps(body).encode()
        )

    whole = resource.example
    cut = json.dumps(whole)[:-2].encode()
    without = {name: value for name, value in whole.items() if name != resource.mark}
    unprocessable = "RFC 9110 section 15.5.21"
    yield Case("a body that is not JSON", 400, post(cut), "RFC 9110 section 15.5.1")
    yield Case("a body of another media type", 415, post(whole, Content_Type="text/plain"), "RFC 9110 section 15.5.16")
    like = "application/json-patch+json"  # begins and ends like the one that is meant
    yield Case(f"a body declared as {like}", 415, post(whole, Content_Type=like), "RFC 9110 section 15.5.16")
    bare = tokens.bearer() | {"Idempotency-Key": _key()}
    undeclared = prepared("POST", resource.path, headers=bare, body=json.dumps(whole).encode())
    yield Case("a body without Content-Type", 415, undeclared, "RFC 9110 section 15.5.16")
    yield Case(f"a {resource.count} out of range", 422, post(whole | {resource.count: 0}), unprocessable)
    yield Case("a missing field", 422, post(without), unprocessable)
    yield Case("an unknown field", 422, post(whole | {"unexpected": 1}), unprocessable)
    yield Case(f"a {resource.count} that is a text", 422, post(whole | {resource.count: "two"}), unprocessable)
    nothing = prepared("GET", f"{resource.path}?limit=0", headers=tokens.bearer())
    yield Case("a limit out of range", 422, nothing, unprocessable)
    unavailable = post(whole | {resource.mark: resource.unavailable})
    yield Case(f"a {resource.mark} that is not available", 409, unavailable, "RFC 9110 section 15.5.10")
    unknown = prepared("GET", resource.item_path(uuid.uuid4()), headers=tokens.bearer())
    yield Case("an id that does not exist", 404, unknown, "RFC 9110 section 15.5.5")
    nowhere = prepared("GET", "/v1/no-such-thing", headers=tokens.bearer())
    yield Case("a path that does not exist", 404, nowhere, "RFC 9110 section 15.5.5")
    method = prepared("DELETE", resource.path, headers=tokens.bearer())
    yield Case("a method the path does not have", 405, method, "RFC 9110 section 15.5.6", _allow)


def _keys(tokens: Tokens, resource: Resource, longest: int) -> Iterator[Case]:
    for name, key in (
        (f"an Idempotency-Key of more than {longest} characters", "KEY-".ljust(longest + 1, "K")),
        ("an Idempotency-Key with a space in it", "two words"),
    ):
        headers = tokens.bearer() | {"Idempotency-Key": key}
        request = prepared("POST", resource.path, headers=headers, json=resource.example)
        yield Case(name, 400, request, "RFC 9110 section 15.5.1")


def _too_large(tokens: Tokens, resource: Resource, limit: int) -> Case:
    """A valid payload with so many spaces behind it that one byte is too much."""
    body = json.dumps(resource.example).encode().ljust(limit + 1)
    headers = tokens.bearer() | {"Content-Type": "application/json", "Idempotency-Key": _key()}
    request = prepared("POST", resource.path, headers=headers, body=body)
    return Case(f"a body of {limit + 1} bytes", 413, request, "RFC 9110 section 15.5.14")


def _states(client: Client, tokens: Tokens, resource: Resource) -> Iterator[Case]:
    headers = tokens.bearer()
    path = resource.cancel_path(resource.existing(client, headers)[0])
    unconditional = prepared("POST", path, headers=headers)
    yield Case("cancelling without If-Match", 428, unconditional, "RFC 6585 section 3")
    stale = prepared("POST", path, headers=headers | {"If-Match": '"no-such-state"'})
    yield Case("If-Match with another entity tag", 412, stale, "RFC 9110 section 13.1.1")
    item_id, made = resource.existing(client, headers)
    path = resource.cancel_path(item_id)
    cancelled = client.request("POST", path, headers=headers | {"If-Match": made.headers.get("etag") or "*"})
    current = cancelled.headers.get("etag") or "*"
    again = prepared("POST", path, headers=headers | {"If-Match": current})
    yield Case("cancelling what is cancelled", 409, again, "RFC 9110 section 15.5.10")


def _wrong(case: Case, exchange: Exchange) -> str:
    """Why the answer is not what the case asks for; empty when it is."""
    answer = exchange.response
    if answer is None:
        return exchange.error
    if answer.status != case.status:
        return f"expected {case.status}, got {answer.status}"
    media_type = (answer.headers.get("content-type") or "none").partition(";")[0].strip().lower()
    if media_type != PROBLEM:
        return f"{answer.status} came with the content type {media_type[:60]}"
    return _wrong_problem(answer) or (case.header(answer) if case.header else "")


def _wrong_problem(answer: Response) -> str:
    try:
        problem = answer.json()
    except Failure as failure:
        return failure.summary
    if not isinstance(problem, dict):
        return "the problem document is no JSON object"
    for name in ("type", "title"):
        if not isinstance(problem.get(name), str):
            return f"the problem document has no {name!r}, which is a string"
    status = problem.get("status")
    if status != answer.status or isinstance(status, bool):
        return f"the status in the problem document is {str(status)[:40]}, that of the answer {answer.status}"
    return ""


def _challenge(answer: Response) -> str:
    schemes = [value.strip().partition(" ")[0].lower() for value in answer.headers.all("www-authenticate")]
    if not schemes:
        return "401 came without WWW-Authenticate"
    return "" if "bearer" in schemes else "WWW-Authenticate has no Bearer challenge"


def _allow(answer: Response) -> str:
    values = answer.headers.all("allow")
    if not values:
        return "405 came without Allow"
    methods = {method.strip().upper() for value in values for method in value.split(",")}
    # Some frameworks name only the methods of the first route that has the path; that is not the candidate's doing.
    if not methods & {"GET", "POST"}:
        return "Allow names neither GET nor POST, which the path has"
    return "Allow names DELETE, which was refused" if "DELETE" in methods else ""


def _key() -> str:
    return str(uuid.uuid4())
