"""The error answers a contract promises: the right status, as a problem document that says the same (RFC 9457)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assesskit.checks.contract_orders import NEW_ORDER, ORDERS, made_order, order_path
from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, Request, prepared
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


def answers_errors_well(client: Client, tokens: Tokens) -> None:
    """Every error of the contract is answered with its status and a problem document. All are tried before Failure."""
    cases = [*_credentials(tokens), *_requests(tokens), *_states(client, tokens)]
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


def _credentials(tokens: Tokens) -> Iterator[Case]:
    post = {"Idempotency-Key": _key()}
    unauthorized = "RFC 9110 section 11.6.1"
    for name, value in (
        ("no token", None),
        ("a token that is none", "Bearer not-a-token"),
        ("an expired token", f"Bearer {tokens.mint(exp=1)}"),
    ):
        headers = post if value is None else post | {"Authorization": value}
        yield Case(name, 401, prepared("POST", ORDERS, headers=headers, json=NEW_ORDER), unauthorized, _challenge)
    readonly = post | _bearer(tokens, "orders:read")
    missing_scope = prepared("POST", ORDERS, headers=readonly, json=NEW_ORDER)
    yield Case("a token without orders:write", 403, missing_scope, "RFC 9110 section 15.5.4")


def _requests(tokens: Tokens) -> Iterator[Case]:
    headers = _bearer(tokens) | {"Content-Type": "application/json"}

    def post(body: bytes, **changed: str) -> Request:
        fields = (
            headers | {"Idempotency-Key": _key()} | {name.replace("_", "-"): text for name, text in changed.items()}
        )
        return prepared("POST", ORDERS, headers=fields, body=body)

    order = b'{"sku": "TEA-0042", "quantity": 2}'
    yield Case("a body that is not JSON", 400, post(b'{"sku": "TEA-0042", "quantity":'), "RFC 9110 section 15.5.1")
    yield Case("a body of another media type", 415, post(order, Content_Type="text/plain"), "RFC 9110 section 15.5.16")
    yield Case("a quantity out of range", 422, post(b'{"sku": "TEA-0042", "quantity": 0}'), "RFC 9110 section 15.5.21")
    yield Case("a missing field", 422, post(b'{"quantity": 2}'), "RFC 9110 section 15.5.21")
    yield Case("goods out of stock", 409, post(b'{"sku": "OUT-0042", "quantity": 2}'), "RFC 9110 section 15.5.10")
    unknown = prepared("GET", f"{ORDERS}/{uuid.uuid4()}", headers=_bearer(tokens))
    yield Case("an order that does not exist", 404, unknown, "RFC 9110 section 15.5.5")
    nowhere = prepared("GET", "/v1/no-such-thing", headers=_bearer(tokens))
    yield Case("a path that does not exist", 404, nowhere, "RFC 9110 section 15.5.5")
    method = prepared("DELETE", ORDERS, headers=_bearer(tokens))
    yield Case("a method the path does not have", 405, method, "RFC 9110 section 15.5.6", _allow)


def _states(client: Client, tokens: Tokens) -> Iterator[Case]:
    headers = _bearer(tokens)
    path, _ = _order(client, headers)
    stale = prepared("POST", f"{path}/cancel", headers=headers | {"If-Match": '"no-such-state"'})
    yield Case("If-Match with another entity tag", 412, stale, "RFC 9110 section 13.1.1")
    path, etag = _order(client, headers)
    cancelled = client.request("POST", f"{path}/cancel", headers=headers | {"If-Match": etag})
    current = cancelled.headers.get("etag") or "*"
    again = prepared("POST", f"{path}/cancel", headers=headers | {"If-Match": current})
    yield Case("cancelling a cancelled order", 409, again, "RFC 9110 section 15.5.10")


def _order(client: Client, bearer: Mapping[str, str]) -> tuple[str, str]:
    exchange = made_order(client, bearer)
    answer = exchange.answered()
    path = order_path(answer)
    if path is None:
        raise Failure(
            f"an order could not be made: {answer.status}",
            sent=exchange.sent(),
            received=exchange.received(),
            expected="201 with the order and its id",
            exchange=exchange,
        )
    return path, answer.headers.get("etag") or "*"


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


def _bearer(tokens: Tokens, scope: str = "orders:read orders:write") -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.mint(scope)}"}


def _key() -> str:
    return str(uuid.uuid4())
