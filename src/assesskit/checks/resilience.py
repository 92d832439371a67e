"""What a service does while its dependency fails."""

from __future__ import annotations

import time
from collections.abc import Callable

from assesskit.checks.creation import Creation
from assesskit.checks.expect import expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls

TOLERANCE = 0.5
"""Seconds granted over a promised time for a slow machine."""
PATIENCE = 5.0
"""Seconds over a promised time for which an answer is awaited, to tell a late one from none."""
UNAVAILABLE = (503, 504)
IN_A_ROW = 6
"""Creations that are taken, until a service counts as recovered."""
LATER = (429, 500, 502, 503, 504)


def expect_bounded_wait(service: Service, creation: Creation, seconds: float, trouble: str) -> None:
    """The dependency fails, or keeps the call waiting: the caller hears 503 or 504 after at most `seconds`.

    `trouble` is what the dependency does, in words.
    """
    with Stalls() as stalls:
        exchange = service.send(creation.request(), deadline=seconds + PATIENCE)
    told = f"POST {creation.path} while its dependency {trouble}"
    status = exchange.response.status if exchange.response else None
    expect(
        status is None or status in UNAVAILABLE,
        f"{told}: answered {status}",
        expected=f"503 or 504 within {seconds:g} s",
        rule="RFC 9110, 15.6.4 and 15.6.5",
        exchange=exchange,
    )
    stalls.expect_within(
        exchange.seconds,
        seconds + TOLERANCE,
        f"{told}: {f'answered {status} after' if status else 'no answer for'} {exchange.seconds:.1f} s",
        expected=f"503 or 504 within {seconds:g} s",
        exchange=exchange,
    )
    exchange.answered()


def settle(service: Service, fresh: Callable[[], Creation], seconds: float = 6.0) -> None:
    """Wait until creations are taken again after an outage, for `seconds` at most; judges nothing.

    A service with a circuit breaker may rightly refuse for a while, and the next check must not suffer from it. Each
    worker may have one of its own: it takes a few in a row to have met them all.
    """
    taken = 0
    with Stalls() as stalls:
        while taken < IN_A_ROW and stalls.within(seconds):
            exchange = service.send(fresh().request(), deadline=5.0)
            again = exchange.response is None or exchange.response.status in LATER
            taken = 0 if again else taken + 1
            if again:
                time.sleep(0.25)
