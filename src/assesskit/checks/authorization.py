"""What a caller may do: exactly what the scopes of its token name (RFC 6749 section 3.3, RFC 6750 section 3.1).

Whose a thing is does not matter: what is read and cancelled here was made by another caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assesskit.checks.creation import Creation, patiently
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.misses import Miss, status_told, tell
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens
from assesskit.instruments.relay import Relay

REFUSED = 403
OTHER = "another-caller"
RULE = "RFC 6749 section 3.3"


@dataclass(frozen=True)
class Grant:
    """What a token's scope claim is (None: it has none), how it is told, and what it lets its bearer do."""

    told: str
    scope: str | None
    reads: bool = False
    writes: bool = False


def grants_by_scope(client: Client, relay: Relay, tokens: Tokens, resource: Resource) -> None:
    """Read, list, create and cancel with every kind of scope. All are tried before Failure."""
    misses: list[Miss] = []
    tried = 0
    marks = []
    for grant in _grants(resource):
        creation = resource.fresh(_token(tokens, grant.scope))
        item, made = resource.existing(client, tokens.bearer())
        if not grant.writes:
            marks.append(creation.mark)
        for name, request, wanted in _requests(grant, creation, resource, item, made.headers.get("etag") or "*"):
            tried += 1
            exchange = patiently(client, request)
            if exchange.response is None or exchange.response.status != wanted:
                reason = f"expected {wanted}, got {status_told(exchange)}"
                expected = str(wanted) if wanted == REFUSED else f"{wanted}: the scope decides, whoever made it"
                misses.append(Miss(f"{name} with {grant.told}", exchange, reason, expected, RULE))
    tell(misses, f"{tried} requests were allowed or refused against the scope of their token")
    if any(relay.calls(mark) for mark in marks):
        raise Failure(
            f"a creation was answered with {REFUSED}, and reached the dependency all the same",
            expected="who may not create causes no work",
            rule="RFC 6750 section 3.1",
        )


def _requests(
    grant: Grant, creation: Creation, resource: Resource, item: str, tag: str
) -> Iterator[tuple[str, Request, int]]:
    """Each kind of request, and the status it deserves."""
    bearer = creation.bearer
    reading = 200 if grant.reads else REFUSED
    yield "reading", prepared("GET", resource.item_path(item), headers=bearer), reading
    yield "listing", prepared("GET", resource.path, headers=bearer), reading
    yield "creating", creation.request(), 201 if grant.writes else REFUSED
    cancel = prepared("POST", resource.cancel_path(item), headers=bearer | {"If-Match": tag})
    yield "cancelling", cancel, 200 if grant.writes else REFUSED


def _token(tokens: Tokens, scope: str | None) -> str:
    claims = tokens.claims(scope, OTHER)
    if scope is None:
        del claims["scope"]
    return tokens.signed(claims)


def _grants(resource: Resource) -> Iterator[Grant]:
    read, write = resource.read, resource.write
    yield Grant(f"the scope {read}", read, reads=True)
    yield Grant(f"the scope {write}", write, writes=True)
    yield Grant(f"the scopes {write} {read}", f"{write} {read}", reads=True, writes=True)
    yield Grant("both scopes among others", f"openid {read} profile {write} email", reads=True, writes=True)
    yield Grant("no scope claim", None)
    for told, scope in (
        ("an empty scope", ""),
        ("scopes of another service", "openid profile"),
        ("scopes that begin like ours", f"{read}-summary {write}:draft"),
        ("scopes that end like ours", f"x{read} x{write}"),
        ("both scopes in capitals", f"{read} {write}".upper()),
        ("both scopes with a comma between, which makes them one word", f"{read},{write}"),
        ("a star for every scope", f"{read.partition(':')[0]}:*"),
    ):
        yield Grant(told, scope)
