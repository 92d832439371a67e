"""A context that moves out of a monolith into the submission: both sides, and what they are asked for.

The exercise says in its facts how requests look, so this library knows no domain::

    [grader.facts.moving]
    monolith = "monolith"                   the service of ours that it moves out of
    context = "/accounts/*/orders"          what moves: a path and all below it
    things = "/accounts/{owner}/orders"     POST makes one, GET lists them, and below it by id
    listed = "orders"                       the field of a list's answer that holds them
    made = { lines = [...] }                makes one
    text = "note"                           a field of it that is free text, and may be left out
    steps = { confirm = "confirmed" }       POST below a thing, and the status it leads to; the first from new
    owners = "/accounts"                    where the monolith makes who owns things, of `owner`
    owner_key = "path:2"                    where a request has its owner: see `Relay.start`
    owned_by = "account"                    the field that names the owner, of things and of itself
    owner = { fee_percent = 2.5 }           what an owner is made of, besides a name
    asked = "/internal/accounts/"           what the service may ask the monolith, an owner at the end
    changes = "/internal/changes"           the feed of what the monolith changes
    inbox = "/internal/events"              where the monolith takes events
    backfill = "/backfill"                  POST begins to follow the feed, GET tells how far it is
    headers = ["content-type"]              of an answer, that are compared
    left_out = ["/id", "/orders/*/id"]      places of an answer that each side makes by itself
    money = "cents"                         what the names of amounts end in
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assesskit.checks.creation import CREATED
from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.http import Client, prepared
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.checks.world import StageError, World

OK, ACCEPTED, SERVER_ERROR = 200, 202, 500
STOOD_STILL = 0.5
"""Seconds by which a machine that stood still may have made a service late for its own limits."""
IN_ALL = {"id": str, "status": str, "version": int}
"""What every thing has; whatever else there is differs from task to task."""
WANTED = ", ".join(IN_ALL)
EXPECTED = "each thing with its id and status as texts, and its version as a whole number"
MODE = "Rollout-Mode"
FOLLOWING = "following"
FEED_END = "?after=0&limit=0"
COPIED = 45.0
"""Seconds in which a backfill is through; the feed has some hundred changes."""
FOLLOWS = 5.0
"""Seconds after which a change of the monolith is there: the brief says 2, and a machine may be slow."""
POLL = 0.05
OWN = "K-"
"""What the names of owners that checks make begin with."""


@dataclass(frozen=True)
class Moving:
    """See the module."""

    monolith: str
    context: str
    things: str
    listed: str
    made: Mapping[str, Any]
    text: str
    steps: Mapping[str, str]
    owners: str
    owner_key: str
    owned_by: str
    owner: Mapping[str, Any]
    asked: str
    changes: str
    inbox: str
    backfill: str
    headers: tuple[str, ...]
    left_out: tuple[str, ...]
    money: str

    @property
    def never(self) -> tuple[str, ...]:
        """Places that no plan may declare to differ, because clients depend on them: see `carrying_out.plan_of`."""
        return ("status", "header:*", f"*_{self.money}")

    @property
    def first_step(self) -> str:
        """The step that a new thing may take."""
        return next(iter(self.steps))

    def path(self, owner: str, *more: str) -> str:
        """The path of an owner's things, or of one, or of a step of it."""
        return "/".join([self.things.replace("{owner}", owner), *more])

    def owner_in(self, data: object) -> str | None:
        """Whose thing is told of in the data of an event; None where it does not say."""
        owner = data.get(self.owned_by) if isinstance(data, dict) else None
        return owner if isinstance(owner, str) else None

    def creation(self, owner: str, key: str | None = None, mode: str = "live", **changes: Any) -> Request:
        """A request that makes a thing."""
        headers = {MODE: mode} | ({"Idempotency-Key": key} if key else {})
        return prepared("POST", self.path(owner), headers=headers, json={**self.made, **changes})

    def step(self, owner: str, thing: str, step: str, mode: str = "live") -> Request:
        """A request that takes a thing a step on."""
        return prepared("POST", self.path(owner, thing, step), headers={MODE: mode})

    def reading(self, owner: str, *more: str, mode: str = "live") -> Request:
        """A request that reads the things of an owner, or one."""
        return prepared("GET", self.path(owner, *more), headers={MODE: mode})


def failed(exchange: Exchange) -> bool:
    """Whether a request got a 5xx, or no answer."""
    return exchange.response is None or exchange.response.status >= SERVER_ERROR


def stood_still(stalls: Stalls) -> bool:
    """Whether a call of the monolith may have run out of time because this machine stood still."""
    return stalls.explained >= STOOD_STILL


def asked(service: Service | Client, request: Request) -> Exchange:
    """Send a request to the service. Raises Inconclusive when it fails while this machine stands still."""
    with Stalls() as stalls:
        exchange = service.send(request)
    if failed(exchange) and stood_still(stalls):
        raise Inconclusive(f"{_told(exchange)}, but this machine stood still for {stalls.seconds:.1f} s meanwhile")
    return exchange


def thing_of(exchange: Exchange) -> dict[str, Any]:
    """The thing that was answered. Raises Failure for anything else than an object with what all things have."""
    told = exchange.answered().json()
    expect(_is_thing(told), f"the answer is no thing: {WANTED} are missing", expected=EXPECTED, exchange=exchange)
    thing: dict[str, Any] = told
    return thing


def expect_this(read: Exchange, thing: str) -> None:
    """A read of a thing is answered with that thing; what else it says is for others to judge. Raises Failure."""
    found = thing_of(read)["id"]
    expect(found == thing, "a read is answered with another thing", expected=f"the thing {thing}", exchange=read)


def things_of(exchange: Exchange, listed: str) -> list[dict[str, Any]]:
    """The things of a list that was answered, in the field `listed`. Raises Failure for anything else."""
    told = exchange.answered().json()
    things: Any = told.get(listed) if isinstance(told, dict) else None
    expect(
        isinstance(things, list) and all(_is_thing(one) for one in things),
        "the answer is no list of things",
        expected=f"an object with {listed!r}, {EXPECTED}",
        exchange=exchange,
    )
    found: list[dict[str, Any]] = things
    return found


def _is_thing(told: object) -> bool:
    return isinstance(told, dict) and all(type(told.get(name)) is kind for name, kind in IN_ALL.items())


class Move:
    """The service under test, and the monolith beside it. What the monolith cannot do is a StageError: ours."""

    def __init__(self, service: Service, monolith: Service, moving: Moving) -> None:
        self.service = service
        self.monolith = monolith
        self.moving = moving

    def owner(self, **changes: Any) -> str:
        """A new owner in the monolith, who has nothing yet."""
        name = f"{OWN}{secrets.randbelow(10**8):08}"
        body = {self.moving.owned_by: name, "name": "Checked", **self.moving.owner, **changes}
        answer = self.told("POST", self.moving.owners, json=body)
        if answer.status != CREATED:
            raise StageError(f"POST {self.moving.owners} answered {answer.status}")
        return name

    def told(self, method: str, path: str, **options: Any) -> Response:
        """What the monolith answers."""
        exchange = self.monolith.send(prepared(method, path, **options))
        if exchange.response is None:
            raise StageError(f"{method} {path}: {exchange.error}")
        return exchange.response

    def thing(self, side: Service, owner: str, key: str | None = None, **changes: Any) -> dict[str, Any]:
        """Make a thing on one side, live. Raises Failure when the service makes none."""
        return self._done(side, self.moving.creation(owner, key, **changes), CREATED)

    def stepped(self, side: Service, owner: str, thing: str, step: str) -> dict[str, Any]:
        """Take a thing a step on, live."""
        return self._done(side, self.moving.step(owner, thing, step), OK)

    def _done(self, side: Service, request: Request, status: int) -> dict[str, Any]:
        exchange = side.send(request) if side is self.monolith else asked(side, request)
        done = exchange.response is not None and exchange.response.status == status
        if side is self.monolith and not done:
            raise StageError(_told(exchange))
        expect(exchange.answered().status == status, _told(exchange), expected=f"{status}, as ever")
        return thing_of(exchange)

    def end(self) -> int:
        """Where the feed ends now."""
        end: int = self.told("GET", self.moving.changes + FEED_END).json()["end"]
        return end

    def begin(self) -> None:
        """Ask the service to follow the feed, or to go on. Raises Failure when it does not take that."""
        exchange = self.service.send(prepared("POST", self.moving.backfill))
        status = exchange.answered().status
        expect(
            status in {OK, ACCEPTED},
            f"POST {self.moving.backfill} answered {status}",
            expected="202: it begins, or goes on",
            exchange=exchange,
        )

    def progress(self) -> dict[str, Any]:
        """What the service says of its backfill. Raises Failure when that cannot be read."""
        exchange = self.service.send(prepared("GET", self.moving.backfill))
        told: Any = exchange.answered().json() if exchange.answered().status == OK else {}
        kinds = {"state": str, "position": int, "copied": int}
        expect(
            isinstance(told, dict) and all(type(told.get(name)) is kind for name, kind in kinds.items()),
            f"GET {self.moving.backfill} does not tell how far it is",
            expected='200 with {"state": …, "position": number, "copied": number}',
            exchange=exchange,
        )
        progress: dict[str, Any] = told
        return progress

    def followed(self, within: float = COPIED) -> dict[str, Any]:
        """Begin to follow, and wait until the service is where the feed ended when it was asked. Raises Failure."""
        self.begin()
        return self.caught_up(within)

    def caught_up(self, within: float = FOLLOWS) -> dict[str, Any]:
        """Wait until the service is where the feed ends now; return what it says of itself. Raises Failure."""
        end = self.end()
        with Stalls() as stalls:
            while True:
                progress = self.progress()
                if progress["state"] == FOLLOWING and progress["position"] >= end:
                    return progress
                if not stalls.within(within):
                    raise Failure(
                        f"{within:g} s later the service has not followed the feed to its end",
                        sent=f"POST {self.moving.backfill}, then GET {self.moving.backfill} until it is through",
                        received=f"{progress}",
                        expected=f"state {FOLLOWING!r}, position {end}",
                    )
                time.sleep(POLL)


def _told(exchange: Exchange) -> str:
    """What was asked and answered, in a few words."""
    answered = exchange.response.status if exchange.response else None
    return f"{exchange.request.method} {exchange.request.path.partition('?')[0]} answered {answered}"


def of(world: World) -> Move:
    """The move that an exercise's facts tell of."""
    moving = Moving(**world.facts["moving"])
    return Move(world.submission, world.services[moving.monolith], moving)


def marked(names: str = "check") -> str:
    """An Idempotency-Key that nobody has used."""
    return f"{names}-{secrets.token_hex(8)}"
