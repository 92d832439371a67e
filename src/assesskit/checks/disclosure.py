"""What errors keep to themselves: credentials, and the inside of the service (CWE-209).

Only answers are looked at. What is printed and traced is `logs.no-secrets`; what a caller sent in the body is its own.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

from assesskit.checks.exchange import Exchange
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.misses import Miss, tell
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

RULE = "CWE-209"
PIECE = 20
"""Characters of a token that are told by no accident."""
READ = 16 * 1024
"""Characters of an answer that are looked through."""
INSIDE = {
    "a stack trace": re.compile(
        r"Traceback \(most recent call last\)|File \\?\"[^\"\n]{1,200}\", line \d|\.py\", line \d"
        r"|(?:\n|\\n)[ \t]{1,20}at [^\n]{1,200}?:\d+:\d+|\bat [\w.$]{1,100}\([\w$]{1,60}\.java:\d+\)|goroutine \d+ \["
    ),
    "a file of the service": re.compile(r"/[\w./-]{1,200}\.(?:py|m?js|ts|go|rb|java|php)\b"),
    "a statement of its database": re.compile(
        r"\bSELECT\b[^\n]{1,200}\bFROM\b|\bINSERT INTO\b|\bUPDATE\b[^\n]{1,100}\bSET\b|\bsqlite3?\.\w*Error\b"
    ),
    "a key": re.compile(r"-----BEGIN [A-Z ]{1,40}-----"),
}


def keeps_its_inside_to_itself(client: Client, relay: Relay, tokens: Tokens, resource: Resource) -> None:
    """Cause errors of every kind, the dependency's among them, and look through the answers. All before Failure."""
    resource.existing(client, tokens.bearer())  # who does nothing tells nothing
    address = re.compile(rf"(?:127\.0\.0\.1|localhost)\D{{0,20}}{relay.port}\b")
    patterns = {**INSIDE, "the address of another service": address}
    requests = (*_mistakes(tokens, resource), *_outages(relay, tokens, resource))
    exchanges = [(name, client.send(request)) for name, request in requests]
    # Last, since a right service may not ask its dependency for a while once it was found gone.
    unheard = resource.fresh(tokens.mint()).request()
    exchanges.append(("the dependency refuses the connection", _while_shut(client, relay, unheard)))
    misses = [
        Miss(name, exchange, f"the answer shows {shown}", "what the caller can change", RULE)
        for name, exchange in exchanges
        if (shown := _shown(exchange, patterns))
    ]
    tell(misses, f"{len(exchanges)} errors told too much")


def _while_shut(client: Client, relay: Relay, request: Request) -> Exchange:
    """Send a request while nobody listens where the dependency is."""
    relay.shut()
    try:
        return client.send(request)
    finally:
        relay.reopen()


def _shown(exchange: Exchange, patterns: dict[str, re.Pattern[str]]) -> str:
    """What an answer gives away; empty when nothing."""
    answer = exchange.response
    if answer is None:
        return ""
    fields = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    text = f"{fields}\n{answer.body[:READ].decode('utf-8', 'replace')}"
    if any(part in text for part in _credential(exchange.request)):
        return "the token that was sent"
    return next((what for what, pattern in patterns.items() if pattern.search(text)), "")


def _credential(request: Request) -> list[str]:
    """What of the request's token nobody else has, its claims and its signature, in pieces: some cut it when they tell
    it.
    """
    value = next((value for name, value in request.headers if name.lower() == "authorization"), "")
    secret = value.rpartition(" ")[2].split(".")[1:]
    return [part[at : at + PIECE] for part in secret for at in range(0, len(part) - PIECE + 1, PIECE)]


def _mistakes(tokens: Tokens, resource: Resource) -> Iterator[tuple[str, Request]]:
    head, payload, signature = tokens.mint().split(".")
    for name, token in (
        ("a token with a wrong signature", f"{head}.{payload}.{'A' * 8}{signature[8:]}"),
        ("an expired token", tokens.mint(exp=1, iat=0, nbf=0)),
        ("a token for another audience", tokens.mint(aud="another-service")),
        ("a token without the scope", tokens.mint("openid")),
    ):
        yield name, prepared("GET", resource.path, headers={"Authorization": f"Bearer {token}"})
    bearer = tokens.bearer()
    for name, body in (
        ("a body that is not JSON", b'{"'),
        ("a body that is no UTF-8", b'{"\xff": 1}'),
        ("arrays nested deeply", b"[" * 8000 + b"]" * 8000),
        (f"a {resource.count} that is a text", json.dumps(resource.example | {resource.count: "x'; --"}).encode()),
        (f"a {resource.count} of many digits", json.dumps(resource.example | {resource.count: 10**300}).encode()),
    ):
        own = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        yield name, prepared("POST", resource.path, headers=bearer | own, body=body)
    for name, method, path in (
        ("a path that does not exist", "GET", "/v1/no-such-thing"),
        ("a method the path does not have", "DELETE", resource.path),
        ("an id with a quote in it", "GET", resource.item_path("x%27%20or%201=1%20--")),
        ("a cursor of nobody", "GET", f"{resource.path}?cursor=made-up-cursor"),
    ):
        yield name, prepared(method, path, headers=bearer)


def _outages(relay: Relay, tokens: Tokens, resource: Resource) -> Iterator[tuple[str, Request]]:
    """Creations for which the dependency fails in its several ways. Each is asked of the relay as its turn comes."""
    for name, fault in (
        ("the dependency breaks the connection", Fault.reset()),
        ("the dependency closes the connection", Fault.refuse()),
        ("the dependency answers 500", Fault.status(500)),
        ("the dependency answers what is no JSON", Fault.malformed()),
        ("the dependency never answers", Fault.hang()),
    ):
        creation = resource.fresh(tokens.mint())
        relay.script(creation.mark, fault, always=True)
        yield name, creation.request()
