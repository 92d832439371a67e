"""Whose requests are served: those with a valid token of the gateway, and no others (RFC 7519, RFC 8725).

Only the decision is judged: 401 and nothing done, or served. How a 401 looks is `contract.errors`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from assesskit.checks.creation import Creation
from assesskit.checks.expect import Failure
from assesskit.checks.forgery import Forgery, forgeries
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.misses import Miss, status_told, tell
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens
from assesskit.instruments.relay import Relay

REFUSED = 401


def refuses_forgeries(client: Client, relay: Relay, tokens: Tokens, resource: Resource) -> None:
    """Read, list, create and cancel with every kind of token. All are tried before Failure."""
    item, made = resource.existing(client, tokens.bearer())
    tag = made.headers.get("etag") or "*"
    creation = resource.fresh(tokens.mint())
    forged = forgeries(tokens)
    tried = 0
    misses: list[Miss] = []
    for forgery in forged:
        for name, request in _requests(forgery, creation, resource, item, tag):
            tried += 1
            exchange = client.send(request)
            if exchange.response is None or exchange.response.status != REFUSED:
                reason = f"expected {REFUSED}, got {status_told(exchange)}"
                misses.append(Miss(name, exchange, reason, f"{REFUSED}, and nothing is done", forgery.rule))
    served = dict(_right(tokens))
    for name, authorization in served.items():
        exchange = client.send(prepared("GET", resource.path, headers={"Authorization": authorization}))
        if exchange.response is None or exchange.response.status != 200:  # noqa: PLR2004
            reason = f"expected 200, got {status_told(exchange)}"
            misses.append(Miss(name, exchange, reason, "200: the token is valid", "RFC 7519 section 4.1"))
    tell(misses, f"{tried + len(served)} requests were let in or kept out wrongly")
    if calls := relay.calls(creation.mark):
        raise Failure(
            "requests without a valid token were answered with 401, and reached the dependency all the same",
            received=f"{len(calls)} calls at the dependency",
            expected="none: who is not known causes no work",
        )


def _requests(
    forgery: Forgery, creation: Creation, resource: Resource, item: str, tag: str
) -> Iterator[tuple[str, Request]]:
    fields = {"Authorization": forgery.authorization}
    yield f"reading with {forgery.name}", prepared("GET", resource.item_path(item), headers=fields)
    yield f"listing with {forgery.name}", prepared("GET", resource.path, headers=fields)
    create = creation.request(key=str(uuid.uuid4()), Authorization=forgery.authorization)
    yield f"creating with {forgery.name}", create
    cancel = prepared("POST", resource.cancel_path(item), headers=fields | {"If-Match": tag})
    yield f"cancelling with {forgery.name}", cancel


def _right(tokens: Tokens) -> Iterator[tuple[str, str]]:
    kinds: dict[str, dict[str, Any]] = {
        "a token for a list of audiences that holds this service": {"aud": ["another-service", tokens.audience]},
        "a token without nbf and iat": {"nbf": None, "iat": None},
        "a token with further claims": {"jti": str(uuid.uuid4()), "groups": ["staff"], "act": {"sub": "a-proxy"}},
    }
    yield "a token as the gateway issues it", f"Bearer {tokens.mint()}"
    yield "a token after the word bearer in lower case", f"bearer {tokens.mint()}"
    with_header = tokens.signed(tokens.claims(), kid="2026-01", typ="at+jwt")
    yield "a token with further header parameters", f"Bearer {with_header}"
    yield from ((name, f"Bearer {tokens.mint(**changed)}") for name, changed in kinds.items())
