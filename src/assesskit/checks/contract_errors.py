"""The error answers a contract promises: the right status, as a problem document that says the same (RFC 9457)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

PROBLEM = "application/problem+json"
SHOWN = 4
"""Cases whose exchange is quoted in full."""


@dataclass(frozen=True)
class Case:
    """One request with exactly one thing wrong, the status it must be answered with, and where that is written."""

    name: str
    status: int
    request: Request
    rule: str
    header: Callable[[Response], str] | None = None
    """What is wrong with the headers that this status needs; empty when nothing is."""


def answers_errors_well(client: Client, tokens: Tokens, resource: Resource) -> None:
    """Every error of the contract is answered with its status and a problem document. All are tried before Failure."""
    cases = [*_credentials(tokens, resource), *_requests(tokens, resource), *_states(client, tokens, resource)]
    wrong: list[tuple[Case, Exchange, str]] = []
    for case in cases:
        exchange = client.send(case.request)
        if reason := _wrong(case, exchange):
            wrong.append((case, exchange, reason))
    if not wrong:
        return
    raise _told(wrong, len(cases))


def _told(wrong: list[tuple[Case, Exchange, str]], tried: int) -> Failure:
    """All that is wrong: each case in a line, the first few with what was sent and received."""
    first, exchange, reason = wrong[0]
    shown = wrong[:SHOWN]
    lines = [f"{case.name}: {reason}" for case, _, reason in wrong]
    received = [f"[{case.name}]\n{exchange.received()}" for case, exchange, _ in shown]
    return Failure(
        f"{len(wrong)} of {tried} error answers are not as the contract says, first {first.name}: {reason}",
        sent="\n\n".join(f"[{case.name}]\n{exchange.sent()}" for case, exchange, _ in shown),
        received="\n\n".join(["\n".join(lines), *received]),
        expected="\n".join(f"{case.name}: {case.status} as {PROBLEM} with type, title, status" for case, _, _ in wrong),
        rule="; ".join(dict.fromkeys(["RFC 9457", *(case.rule for case, _, _ in wrong)])),
        exchange=exchange,
    )


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
    readonly = post | _bearer(tokens, resource.read)
    missing_scope = prepared("POST", resource.path, headers=readonly, json=resource.example)
    yield Case(f"a token without {resource.write}", 403, missing_scope, "RFC 9110 section 15.5.4")


def _requests(tokens: Tokens, resource: Resource) -> Iterator[Case]:
    headers = _bearer(tokens) | {"Content-Type": "application/json"}

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
    yield Case(f"a {resource.count} out of range", 422, post(whole | {resource.count: 0}), unprocessable)
    yield Case("a missing field", 422, post(without), unprocessable)
    unavailable = post(whole | {resource.mark: resource.unavailable})
    yield Case(f"a {resource.mark} that is not available", 409, unavailable, "RFC 9110 section 15.5.10")
    unknown = prepared("GET", resource.item_path(uuid.uuid4()), headers=_bearer(tokens))
    yield Case("an id that does not exist", 404, unknown, "RFC 9110 section 15.5.5")
    nowhere = prepared("GET", "/v1/no-such-thing", headers=_bearer(tokens))
    yield Case("a path that does not exist", 404, nowhere, "RFC 9110 section 15.5.5")
    method = prepared("DELETE", resource.path, headers=_bearer(tokens))
    yield Case("a method the path does not have", 405, method, "RFC 9110 section 15.5.6", _allow)


def _states(client: Client, tokens: Tokens, resource: Resource) -> Iterator[Case]:
    headers = _bearer(tokens)
    path, _ = _made(client, headers, resource)
    stale = prepared("POST", path, headers=headers | {"If-Match": '"no-such-state"'})
    yield Case("If-Match with another entity tag", 412, stale, "RFC 9110 section 13.1.1")
    path, etag = _made(client, headers, resource)
    cancelled = client.request("POST", path, headers=headers | {"If-Match": etag})
    current = cancelled.headers.get("etag") or "*"
    again = prepared("POST", path, headers=headers | {"If-Match": current})
    yield Case("cancelling what is cancelled", 409, again, "RFC 9110 section 15.5.10")


def _made(client: Client, bearer: Mapping[str, str], resource: Resource) -> tuple[str, str]:
    """Make one; return the path that cancels it, and its entity tag."""
    exchange = resource.made(client, bearer)
    answer = exchange.answered()
    item_id = resource.made_id(answer)
    if item_id is None:
        raise Failure(
            f"POST {resource.path} with a valid payload answered {answer.status}, so nothing could be cancelled",
            sent=exchange.sent(),
            received=exchange.received(),
            expected="201 with what was made and its id",
            exchange=exchange,
        )
    return resource.cancel_path(item_id), answer.headers.get("etag") or "*"


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


def _bearer(tokens: Tokens, scope: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.mint(scope)}"}


def _key() -> str:
    return str(uuid.uuid4())
