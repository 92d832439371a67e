"""Idempotency of a service that took over: keys of its own, under stress, and keys that the monolith has seen.

A repeated key is answered as the monolith does, with 200 and the thing. How often work was done is counted by ids, by
the owner's list, and by the events that told of a thing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.creation import CREATED
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Inconclusive, expect
from assesskit.checks.moving import OK, Move, asked, failed, marked, stood_still, thing_of, things_of
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

ABREAST = 6
AGAIN = (409, 429, 503)
"""What the others of a volley may be told: try again."""
RECOVERS = 15.0
"""Seconds until a retry succeeds after a kill."""
POLL = 0.2
NONE_YET = 5.0


def expect_replayed(move: Move) -> None:
    """The same key gets the same thing, with 200, as it is now; the same key of another owner is another key."""
    move.followed()
    owner, other = move.owner(), move.owner()
    key = marked()
    first = move.thing(move.service, owner, key)
    again = asked(move.service, move.moving.creation(owner, key, **{move.moving.text: "otherwise"}))
    _expect_same(again, first["id"], "a repeated key")
    move.stepped(move.service, owner, first["id"], move.moving.first_step)
    later = asked(move.service, move.moving.creation(owner, key))
    _expect_same(later, first["id"], "a key that is repeated after a step")
    status = thing_of(later)["status"]
    expect(
        status == move.moving.steps[move.moving.first_step],
        f"a repeated key tells the thing as {status}",
        received=f"{later.answered().status}, as {status}",
        expected="as it is now: the monolith does",
        exchange=later,
    )
    elsewhere = asked(move.service, move.moving.creation(other, key))
    expect(
        elsewhere.answered().status == CREATED,
        f"the key of one owner, used by another, answered {elsewhere.answered().status}",
        received=f"{elsewhere.answered().status}, and what the other one had made",
        expected="201: keys belong to an owner",
        exchange=elsewhere,
    )
    for one, thing in ((owner, first["id"]), (other, _id(elsewhere))):
        expect_only(move, one, thing)


def expect_known_keys(move: Move) -> None:
    """A key that made a thing in the monolith, before the move, makes no second one at the service."""
    move.followed()
    owner, key = move.owner(), marked()
    first = move.thing(move.monolith, owner, key)
    move.caught_up()
    again = asked(move.service, move.moving.creation(owner, key))
    _expect_same(again, first["id"], "a key that the monolith knew before the move")
    expect_only(move, owner, first["id"])


def expect_done_once(move: Move, relay: Relay) -> None:
    """Several at once with one key make one thing, whoever is first. The owner is held, so that all are under way."""
    owner, key = move.owner(), marked()
    relay.script(owner, Fault.delay(0.15), always=True)
    request = move.moving.creation(owner, key)
    with Stalls() as stalls, ThreadPoolExecutor(ABREAST) as pool:
        exchanges = list(pool.map(lambda _: move.service.send(request), range(ABREAST)))
    ids = {_id(exchange) for exchange in exchanges if _status(exchange) in {OK, CREATED}}
    odd = [one for one in exchanges if _status(one) not in {OK, CREATED, *AGAIN}]
    made = [one for one in exchanges if _status(one) == CREATED]
    told = ", ".join(sorted({str(_status(one)) for one in exchanges}))
    if stood_still(stalls) and (odd or not made) and any(failed(one) for one in exchanges):
        raise Inconclusive(f"{ABREAST} requests at once got {told}, but this machine stood still meanwhile")
    expect(
        not odd,
        f"of {ABREAST} requests at once with one key some were answered otherwise than with the thing or a conflict",
        received=told,
        expected="one 201; the others 200, or 409",
    )
    expect(
        len(ids) == 1,
        f"{ABREAST} requests at once with one key made {'several things' if ids else 'nothing'}",
        sent=exchanges[0].sent(),
        received=f"{told}, with different ids" if ids else told,
        expected="one thing, made by one of them",
    )
    expect(
        len(made) == 1,
        f"{'several' if made else 'none'} of {ABREAST} requests at once with one key are told that they made the thing",
        sent=exchanges[0].sent(),
        received=told,
        expected="one 201; the others 200, or 409",
    )
    expect_only(move, owner, next(iter(ids)))


def expect_kept(move: Move) -> None:
    """Killed after it acknowledged a thing, the service knows the key and the thing."""
    owner, key = move.owner(), marked()
    first = move.thing(move.service, owner, key)
    _restarted(move)
    again = _retried(move, owner, key)
    _expect_same(again, first["id"], "after kill -9, the key of what was acknowledged")
    expect_only(move, owner, first["id"])


def expect_resumed(move: Move, relay: Relay) -> None:
    """Killed while a request was under way, the service makes its thing once when it is sent again."""
    owner, key = move.owner(), marked()
    relay.script(owner, Fault.late())
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(move.service.send, move.moving.creation(owner, key))
        relay.waiting(owner, timeout=NONE_YET)
        move.service.kill()
        relay.reset()
        pending.result()
    _restarted(move)
    again = _retried(move, owner, key)
    expect(
        _status(again) in {OK, CREATED},
        f"after kill -9 in the middle of a request, its retry answered {_status(again)}",
        expected=f"201, or 200, within {RECOVERS:g} s",
        exchange=again,
    )
    expect_only(move, owner, _id(again))


def expect_only(move: Move, owner: str, thing: str) -> None:
    """The owner has this one thing."""
    exchange = move.service.send(move.moving.reading(owner))
    listed = things_of(exchange, move.moving.listed)
    expect(
        [each["id"] for each in listed] == [thing],
        f"the owner has {len(listed)} things",
        expected="the one that was made",
        exchange=exchange,
    )


def _restarted(move: Move) -> None:
    if move.service.status()["running"]:
        move.service.kill()
    move.service.start()
    move.service.until_ready()


def _retried(move: Move, owner: str, key: str) -> Exchange:
    with Stalls() as stalls:
        while True:
            exchange = move.service.send(move.moving.creation(owner, key))
            if _status(exchange) in {OK, CREATED} or not stalls.within(RECOVERS):
                return exchange
            time.sleep(POLL)


def _expect_same(exchange: Exchange, thing: str, what: str) -> None:
    status = exchange.answered().status
    expect(status == OK, f"{what} answered {status}", expected="200: nothing was made", exchange=exchange)
    expect(_id(exchange) == thing, f"{what} got another thing", expected=f"the thing {thing}", exchange=exchange)


def _status(exchange: Exchange) -> int | None:
    return exchange.response.status if exchange.response else None


def _id(exchange: Exchange) -> str:
    told = exchange.answered().json()
    return str(told.get("id")) if isinstance(told, dict) else ""
