"""Retries must not do the work twice (draft-ietf-httpapi-idempotency-key-header; RFC 9110, 9.2.2).

Whether work was done is counted at our dependency, never by what the submission answers: a program can answer with one
id and yet have reserved twice.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from assesskit.checks.creation import CREATED, RECOVERING, Creation, made, patiently, place
from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import expect
from assesskit.checks.http import Client, prepared
from assesskit.checks.resource import Resource
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Relay

DRAFT = "draft-ietf-httpapi-idempotency-key-header"
HELD = 0.12
"""Seconds that the dependency takes for a volley: 0.02 already made every unguarded program collide."""
OK = 200
CONFLICT = 409
MADE = (OK, CREATED)
LET_GO = 3.0
"""Seconds for which a key may still be held once it was answered: until then 409 will do."""


def effects(calls: Iterable[Call]) -> int:
    """How many times the dependency did the work: its own answers of 2xx, those to one key of its own counted once."""
    return len({call.header("idempotency-key") or call.number for call in calls if call.done})


def expect_effects(relay: Relay, creation: Creation, wanted: int, told: str, exchange: Exchange | None = None) -> None:
    """Hold the work done at the dependency against `wanted`; `told` is what was sent, in words."""
    seen = effects(relay.calls(creation.mark))
    expect(
        seen == wanted,
        f"{told}: the dependency did the work {_times(seen)}",
        expected=f"the work is done {_times(wanted)}",
        rule="RFC 9110, 9.2.2",
        exchange=exchange,
    )


def expect_key_required(service: Service, relay: Relay, creation: Creation) -> None:
    """Without Idempotency-Key, and with an empty one: 400, and no work done. With one the work is done."""
    bare = creation.request(key=None)
    empty = replace(bare, headers=(*bare.headers, ("Idempotency-Key", "")))
    for request, told in ((bare, "without Idempotency-Key"), (empty, "with an empty Idempotency-Key")):
        exchange = service.send(request)
        expect(
            exchange.answered().status == 400,  # noqa: PLR2004
            f"POST {creation.path} {told} answered {exchange.answered().status}",
            expected="400 with a problem document",
            rule=f"{DRAFT}, 2.7",
            exchange=exchange,
        )
        expect_effects(relay, creation, 0, f"one request {told}", exchange)
    exchange = made(service, creation)
    expect_effects(relay, creation, 1, "the same request with an Idempotency-Key", exchange)


def expect_replayed(service: Service, relay: Relay, creation: Creation) -> None:
    """The same key with the same payload: the same status, body and Location again, and the work done once.

    The same payload under a new key is a new intention: another thing, and the work done once more.
    """
    first = made(service, creation).answered()
    rewritten = json.dumps(dict(reversed(list(creation.payload.items()))), indent=2).encode()
    for body, told in (
        (None, "an identical retry"),
        (rewritten, "a retry that writes the same JSON with other spaces"),
    ):
        _expect_same(first, _again(service, creation.request(body=body)), told)
    expect_effects(relay, creation, 1, "three requests with one key")
    exchange = made(service, replace(creation, key=str(uuid.uuid4())))
    expect(
        exchange.answered().headers.get("location") != first.headers.get("location"),
        "the same payload under a new key got what the first key had made",
        expected="another Location: a new key is a new intention",
        rule=f"{DRAFT}, 2.2",
        exchange=exchange,
    )
    expect_effects(relay, creation, 2, "the same payload under two keys", exchange)


def expect_replayed_after_cancelling(service: Service, relay: Relay, creation: Creation, resource: Resource) -> None:
    """What the key has made is cancelled: the same request still gets the status, body and Location of the first.

    Whether cancelling works is another criterion's question: where it does not, there is nothing to ask.
    """
    first = made(service, creation).answered()
    condition = {"If-Match": first.headers.get("etag") or "*"}
    path = resource.cancel_path(resource.made_id(first))
    changed = service.send(prepared("POST", path, headers=creation.bearer | condition)).response
    if changed is None or changed.status != OK:
        return
    again = _again(service, creation.request())
    _expect_same(first, again, "an identical retry, after what was made had been cancelled,")
    expect_effects(relay, creation, 1, "two requests with one key, and a cancellation between them")


def expect_same_thing(first: Exchange, exchange: Exchange, told: str) -> None:
    """The answer is a success that leads to what the first one made; `told` says in words what was sent.

    Whether it is the very same answer is another criterion's question: see `expect_replayed`.
    """
    status = exchange.answered().status
    expect(
        status in MADE and place(exchange) == place(first),
        f"{told} got {status if status not in MADE else 'something else that was made'}",
        expected=f"201 with what was made first: {place(first)}",
        rule=f"{DRAFT}, 2.6",
        exchange=exchange,
    )


def _expect_same(first: Response, exchange: Exchange, told: str) -> None:
    """The answer has the status, body and Location of the first."""
    got = _identity(exchange.answered())
    for part, value in _identity(first).items():
        expect(
            got[part] == value,
            f"{told} got another {part} than the first request",
            expected=f"{part}: {value}",
            rule=f"{DRAFT}, 2.6",
            exchange=exchange,
        )


def expect_scoped(
    service: Service, relay: Relay, creation: Creation, others: tuple[str, str], renewed: str, **changes: Any
) -> None:
    """A key belongs to the caller who used it.

    `others` are tokens of two other callers, who use the key too: one with the same payload, one with another.
    `renewed` is a new token of the first caller, for whom it is the same key still.
    """
    first = made(service, creation)
    same, other = (replace(creation, token=token) for token in others)
    other = replace(other, payload={**creation.payload, **changes})
    places = {place(first)}
    for theirs, told in ((same, "the same"), (other, "another")):
        exchange = patiently(service, theirs.request())
        answer = exchange.answered()
        expect(
            answer.status == CREATED,
            f"another caller used the same key for {told} payload and got {answer.status}",
            expected="201: a key belongs to the caller who chose it",
            rule=f"{DRAFT}, 5",
            exchange=exchange,
        )
        places.add(place(exchange))
    told = "a retry of the first caller, with a new token"
    exchange = _again(service, replace(creation, token=renewed).request())
    expect_same_thing(first, exchange, told)
    expect(
        len(places) == len(others) + 1,
        "three callers used one key, and some of them were told of the same thing",
        expected="one for each caller",
        rule=f"{DRAFT}, 5",
        exchange=exchange,
    )
    expect_effects(relay, creation, len(others) + 1, "one key of three callers", exchange)


def expect_other_payload_refused(service: Service, relay: Relay, creation: Creation, **changes: Any) -> None:
    """The same key with another payload: 422, and no further work."""
    made(service, creation)
    other = replace(creation, payload={**creation.payload, **changes})
    exchange = _again(service, other.request())
    expect(
        exchange.answered().status == 422,  # noqa: PLR2004
        f"a key that was used before came with another payload and got {exchange.answered().status}",
        expected="422: the key belongs to another request",
        rule=f"{DRAFT}, 2.7",
        exchange=exchange,
    )
    expect_effects(relay, creation, 1, "one key with two payloads", exchange)


def expect_done_once(service: Service, relay: Relay, creation: Creation, senders: int = 3) -> None:
    """`senders` simultaneous requests with one key: one thing, one effect; the others get its answer or a 409.

    The dependency takes its time for exactly this creation, so that the requests truly overlap. A service that works on
    one request at a time passes: that is right, too. Raises Inconclusive when this machine stood still for as long as a
    right service waits for its dependency.
    """
    relay.script(creation.mark, Fault.delay(HELD), always=True)
    with Stalls() as stalls:
        exchanges = volley(service, [creation.request()] * senders)
    told = f"{senders} simultaneous requests with one key"
    for exchange in exchanges:
        status = exchange.answered().status
        if status in RECOVERING:
            stalls.excuse(f"{told}: one of them got {status}")
        expect(
            status in (CREATED, CONFLICT),
            f"{told}: one of them got {status}",
            expected="201 with what was made once, or 409 while it is being made",
            rule=f"{DRAFT}, 2.6 and 2.7",
            exchange=exchange,
        )
    last = service.send(creation.request())
    places = {place(one) for one in [*exchanges, last] if one.answered().status == CREATED}
    expect(
        len(places) == 1,
        f"{told}: {'nothing came of it' if not places else 'more than one was made'}",
        received="\n".join(f"201, Location: {found}" for found in sorted(places)[:2]) or last.received(),
        expected="one, the same in every 201",
        rule=f"{DRAFT}, 2.6",
        exchange=last,
    )
    expect_effects(relay, creation, 1, told, last)


def _again(service: Service, request: Request) -> Exchange:
    """The answer to a key that was answered before: its first request may not be quite through with it."""
    return patiently(service, request, LET_GO, (CONFLICT, *RECOVERING))


def volley(service: Service | Client, requests: list[Request], deadline: float = 15.0) -> list[Exchange]:
    """Send all requests at the same moment; return the exchanges in their order."""
    ready = threading.Barrier(len(requests))

    def send(request: Request) -> Exchange:
        ready.wait(deadline)
        return service.send(request, deadline=deadline)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def _identity(answer: Response) -> dict[str, Any]:
    return {"status": answer.status, "Location": answer.headers.get("location"), "body": answer.json()}


def _times(count: int) -> str:
    return {0: "not at all", 1: "once"}.get(count, "more than once")
