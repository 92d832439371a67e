"""Input that wants to hurt: too large, too deep, wrongly encoded. It is refused, soon, and the next caller is served.

What is judged leaves room for servers: a body, a header or a path beyond all limits may get any 4xx or a closed
connection (RFC 9110 section 15.5.14; RFC 6585 section 5), and what some parsers accept for good reasons must only not
be a 5xx.
"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assesskit.checks.contract_limits import body_limit
from assesskit.checks.creation import created, patiently
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.misses import Miss, status_told, tell
from assesskit.checks.resource import Resource
from assesskit.checks.stalls import Stalls
from assesskit.checks.tokens import Tokens

DEADLINE = 8.0
"""Seconds for one answer; a right service needs hundredths of one."""
OVERSIZE = 4
"""How many times its limit a body has that is too large. It fits into the buffers of a connection."""
DECLARED = 8 * 1024**3
"""Bytes that a body says to have, of which only the first come."""
INFLATED = 500
"""How many times its limit a packed body has when it is unpacked."""
LONG = 12_000
"""Characters of a path or header that no limit in use allows (the common ones are 4 to 8 KiB)."""
DIGITS = 5000
"""Of a number: more than some languages turn into one."""
REFUSED = "a status of 400 to 499"
CLOSED = f"{REFUSED}, or the connection closed"
MOVED = "a status of 300 to 499"
NO_FAULT = "no 5xx"

WILL_DO = {REFUSED: {4}, CLOSED: {4}, MOVED: {3, 4}, NO_FAULT: {1, 2, 3, 4}}
"""Classes of statuses."""


@dataclass(frozen=True)
class Attack:
    """One hostile request and what will do as its answer (REFUSED, CLOSED, MOVED or NO_FAULT)."""

    name: str
    request: Request
    expected: str
    rule: str = "RFC 9110 section 15.5.1"
    unfinished: bool = False


def bears_hostile_input(client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
    """Send every attack, then use the service. All are tried before Failure, until one is not answered in time."""
    bearer = tokens.bearer()
    resource.existing(client, bearer)  # it can make things again, whatever other checks did to its dependency
    attacks = [*_attacks(_Sender(bearer, resource), body_limit(contract, resource))]
    misses: list[Miss] = []
    for attack in attacks:
        with Stalls() as stalls:
            exchange = client.send(attack.request, deadline=DEADLINE, unfinished=attack.unfinished)
        unanswered = exchange.response is None and exchange.seconds >= DEADLINE
        if unanswered and not misses and stalls.explained > DEADLINE / 2:
            raise Inconclusive(f"{attack.name}: no answer, and the grader itself stood still meanwhile")
        if not _right(exchange, attack.expected):
            misses.append(Miss(attack.name, exchange, f"got {status_told(exchange)}", attack.expected, attack.rule))
        if unanswered:
            break
    tell(misses, f"{len(attacks)} hostile requests were not borne well")
    after = patiently(client, resource.fresh(tokens.mint()).request(), DEADLINE)
    try:
        created(after)
    except Failure as failure:
        raise Failure(
            "after hostile requests the service no longer served a good one",
            sent=failure.sent,
            received=failure.received,
            expected="201",
            exchange=after,
        ) from failure


def _right(exchange: Exchange, expected: str) -> bool:
    if exchange.response is None:
        return expected == CLOSED and exchange.seconds < DEADLINE
    return exchange.response.status // 100 in WILL_DO[expected]


@dataclass(frozen=True)
class _Sender:
    """Writes creations with a body of any bytes."""

    bearer: dict[str, str]
    resource: Resource

    def post(self, body: bytes, **headers: str) -> Request:
        """A creation; further headers by keyword, with underscores for dashes."""
        own = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return prepared("POST", self.resource.path, headers=self.bearer | own | named, body=body)

    def with_field(self, name: str, written: str) -> Request:
        """A creation in which one field is written just so."""
        payload = {key: value for key, value in self.resource.example.items() if key != name}
        return self.post(f'{json.dumps(payload)[:-1]}, "{name}": {written}}}'.encode())


def _attacks(sender: _Sender, limit: int) -> Iterator[Attack]:
    yield from _too_large(sender, limit)
    yield from _too_deep(sender, limit)
    yield from _wrongly_encoded(sender)
    yield from _odd_values(sender)
    yield from _beside_the_body(sender)


def _too_large(sender: _Sender, limit: int) -> Iterator[Attack]:
    rule = "RFC 9110 section 15.5.14"
    large = _padded(sender.resource, limit * OVERSIZE)
    yield Attack("a body that is too large", sender.post(large), CLOSED, rule)
    chunked = sender.post(large, Transfer_Encoding="chunked")
    yield Attack("a body that is too large, in chunks and without Content-Length", chunked, CLOSED, rule)
    declared = sender.post(large, Content_Length=str(DECLARED))
    name = f"a body that says it has {DECLARED // 1024**3} GiB and stops early"
    yield Attack(name, declared, CLOSED, rule, unfinished=True)
    bomb = gzip.compress(_padded(sender.resource, limit * INFLATED), mtime=0)
    packed = sender.post(bomb, Content_Encoding="gzip")
    yield Attack("a small body that gzip makes hundreds of times as large as allowed", packed, REFUSED, rule)


def _padded(resource: Resource, size: int) -> bytes:
    """A valid payload with spaces in the middle, so that what is cut off at a limit is no JSON."""
    written = json.dumps(resource.example).encode()
    return written[:1] + b" " * (size - len(written)) + written[1:]


def _too_deep(sender: _Sender, limit: int) -> Iterator[Attack]:
    half = limit // 2
    rule = "RFC 8259 section 9"
    yield Attack("arrays nested as deeply as a body can hold", sender.post(b"[" * half + b"]" * half), REFUSED, rule)
    yield Attack("arrays that are opened and never closed", sender.post(b"[" * limit), REFUSED, rule)
    objects = limit // len('{"a":}')
    yield Attack("objects nested as deeply", sender.post(b'{"a":' * objects + b"1" + b"}" * objects), REFUSED, rule)
    deep = limit // 4
    nested = sender.with_field(sender.resource.text, "[" * deep + "]" * deep)
    yield Attack(f"a deep {sender.resource.text}", nested, REFUSED, rule)


def _wrongly_encoded(sender: _Sender) -> Iterator[Attack]:
    resource, rule = sender.resource, "RFC 8259 section 8.1"
    text = json.dumps(resource.example | {resource.text: "caf\u00e9"}, ensure_ascii=False)
    yield Attack("a body in ISO 8859-1", sender.post(text.encode("latin-1")), REFUSED, rule)
    cut = text.encode().replace("\u00e9".encode(), b"\xe2\x82")
    yield Attack("a body with half a character of UTF-8", sender.post(cut), REFUSED, rule)
    yield Attack("a body in UTF-16", sender.post(text.encode("utf-16")), NO_FAULT, rule)
    yield Attack("a body of zeros", sender.post(b"\0" * 64), REFUSED, rule)
    yield Attack("no body", sender.post(b""), REFUSED)
    for name, escape in (("half a surrogate pair", "\\ud800"), ("the character NUL", "\\u0000")):
        yield Attack(f"{name} in {resource.text}", sender.with_field(resource.text, f'"{escape}"'), NO_FAULT)


def _odd_values(sender: _Sender) -> Iterator[Attack]:
    resource = sender.resource
    count = resource.count
    for name, number in (
        ("of five thousand digits", "9" * DIGITS),
        ("beyond every floating point number", "1e400"),
        ("far below zero", "-1e400"),
        ("that is NaN", "NaN"),
    ):
        yield Attack(f"a {count} {name}", sender.with_field(count, number), REFUSED)
    twice = json.dumps(resource.example)[:-1] + f', "{count}": {"9" * 30}}}'
    yield Attack(f"a {count} given twice", sender.post(twice.encode()), NO_FAULT, "RFC 8259 section 4")
    yield Attack(
        "an object with a thousand unknown fields",
        sender.post(json.dumps(dict.fromkeys(map(str, range(1000)))).encode()),
        REFUSED,
    )


def _beside_the_body(sender: _Sender) -> Iterator[Attack]:
    good = json.dumps(sender.resource.example).encode()
    rule = "RFC 6585 section 5"
    yield Attack("an Idempotency-Key of 12,000 characters", sender.post(good, Idempotency_Key="k" * LONG), CLOSED, rule)
    odd = sender.post(good, Idempotency_Key="caf\u00e9")
    yield Attack("an Idempotency-Key outside ASCII", odd, REFUSED)
    for told, path in (
        ("an id of 12,000 characters", sender.resource.item_path("x" * LONG)),
        ("a cursor of 12,000 characters", f"{sender.resource.path}?cursor={'x' * LONG}"),
        ("a limit of 3,000 digits", f"{sender.resource.path}?limit={'9' * 3000}"),
    ):
        yield Attack(told, prepared("GET", path, headers=sender.bearer), CLOSED, "RFC 9110 section 15.5.15")
    for told, item, expected in (
        ("an id with a NUL in it", "%00", REFUSED),
        ("an id that is no UTF-8", "%ff%fe", REFUSED),
        ("an id that leads elsewhere", "..%2f..%2fetc%2fpasswd", MOVED),  # some routers clean a path up, and say so
    ):
        yield Attack(told, prepared("GET", sender.resource.item_path(item), headers=sender.bearer), expected)
    token = prepared("GET", sender.resource.path, headers={"Authorization": f"Bearer {'x' * LONG}"})
    yield Attack("a token of 12,000 characters", token, CLOSED, rule)
