"""What an idempotency key is worth after something went wrong: the service was killed, or its dependency failed.

As in `idempotency`, work is counted at our dependency, by the key that the service sends along: whoever asks again with
another key of its own has the work done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from assesskit.checks.creation import Creation, created, made, patiently
from assesskit.checks.expect import Failure, expect
from assesskit.checks.idempotency import CONFLICT, DRAFT, MADE, expect_effects, expect_same_thing
from assesskit.checks.resilience import LATER, PATIENCE
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

WITHIN = 15.0
"""Seconds after which a retry must succeed, once nothing hinders it any more. Until then these are right."""
NOT_YET = (CONFLICT, *LATER)
ARRIVAL = 5.0
FAILURES = (
    ("answered 500", Fault.status(500)),
    ("refused the connection", Fault.refuse()),
    ("did the work and reset the connection", Fault.reset(forward=True)),
    ("did the work and broke off its answer", Fault.truncate()),
    ("did the work and kept its answer back", Fault.late()),
    ("said that it had not enough", Fault.status(409)),
)
"""What the dependency does to a first attempt, in words."""


def expect_kept(service: Service, relay: Relay, creation: Creation) -> None:
    """What was acknowledged before the service was killed gets the same answer after it, and no second effect."""
    first = made(service, creation)
    _killed(service)
    told = "a retry after the service was killed and started again"
    expect_same_thing(first, patiently(service, creation.request(), WITHIN, NOT_YET), told)
    expect_effects(relay, creation, 1, "one request before the service was killed, and its retry after that")


def expect_resumed(service: Service, relay: Relay, creation: Creation, *, done: bool) -> None:
    """The service is killed while it waits for its dependency, before or after the work is `done` there: a retry after
    the restart makes the one thing, and the work is done once in all.
    """
    relay.script(creation.mark, Fault.late() if done else Fault.hang())
    with ThreadPoolExecutor(1) as pool, Stalls() as stalls:
        pending = pool.submit(service.send, creation.request())
        if not relay.waiting(creation.mark, timeout=ARRIVAL):
            stalls.excuse("no call came to the dependency")
            created(pending.result())
            raise Failure("the answer came without a call to the dependency", expected="one call for each creation")
        _killed(service, relay)
    moment = "after the dependency had done the work" if done else "before the dependency had done the work"
    told = f"a retry with the same key, after the service was killed {moment}"
    _expect_succeeds(service, relay, creation, told)


def expect_tried_again(service: Service, relay: Relay, fresh: Callable[[], Creation]) -> None:
    """Whatever the dependency did to a first attempt, the same key succeeds once it is well, and has one effect.

    A refusal is no failure, and is not remembered either: only what was made is.
    """
    for trouble, fault in FAILURES:
        creation = fresh()
        relay.script(creation.mark, fault, always=True)
        service.send(creation.request(), deadline=PATIENCE)
        relay.script(creation.mark)
        relay.release(creation.mark)
        _expect_succeeds(service, relay, creation, f"a retry with the same key, after the dependency {trouble}")


def _killed(service: Service, relay: Relay | None = None) -> None:
    """Kill the service, take the faults away while it is dead, and bring it back."""
    service.kill()
    if relay is not None:
        relay.reset()
    service.start()
    service.until_ready()


def _expect_succeeds(service: Service, relay: Relay, creation: Creation, told: str) -> None:
    """A retry ends in a 201, and one more in the same: the key may be held until just after the answer."""
    first = patiently(service, creation.request(), WITHIN, NOT_YET)
    status = first.answered().status
    expect(
        status in MADE,
        f"{told}, got {status}{f' for {WITHIN:g} s' if status in NOT_YET else ''}",
        expected=f"201, after {WITHIN:g} s at most",
        rule=f"{DRAFT}, 2.6",
        exchange=first,
    )
    exchange = patiently(service, creation.request(), WITHIN, NOT_YET)
    expect_same_thing(first, exchange, "one more retry")
    expect_effects(relay, creation, 1, told, exchange)
