"""What a platform asks a service: are you alive (else it is restarted), are you ready (else it gets no traffic)."""

from __future__ import annotations

import time

from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls

POLL = 0.1
PROBE_DEADLINE = 3.0
IN_A_ROW = 5
OK = 200


def expect_stays(service: Service, path: str, seconds: float, while_: str) -> None:
    """`path` answers 200 every time, for `seconds`; `while_` says in words what is going on meanwhile."""
    until = time.monotonic() + seconds
    asked = False
    while not asked or time.monotonic() < until:
        asked = True
        exchange = _probe(service, path)
        expect(
            exchange.response is not None and exchange.response.status == OK,
            f"GET {path} {_said(exchange)} {while_}",
            expected="200: a restart would not help",
            exchange=exchange,
        )
        time.sleep(POLL)


def expect_turns(service: Service, path: str, status: int, within: float, after: str) -> float:
    """`path` turns to `status` at the latest `within` seconds from now; return after how many. `after` is in words.

    It has turned when `IN_A_ROW` answers say so: with several workers, one may still tell of an earlier outage.
    """
    began = time.monotonic()
    turned: list[float] = []
    with Stalls() as stalls:
        while True:
            exchange = _probe(service, path)
            passed = time.monotonic() - began
            if exchange.response is not None and exchange.response.status == status:
                turned.append(passed)
                if len(turned) == IN_A_ROW:
                    return turned[0]
                time.sleep(POLL)
                continue
            turned.clear()
            stalls.expect_within(
                passed,
                within,
                f"GET {path} {_said(exchange)} {within:g} s after {after}",
                expected=f"{status} within {within:g} s, answered in time",
                exchange=exchange,
            )
            time.sleep(POLL)


def _probe(service: Service, path: str) -> Exchange:
    return service.send(Request("GET", path), deadline=PROBE_DEADLINE)


def _said(exchange: Exchange) -> str:
    return f"answered {exchange.response.status}" if exchange.response else f"failed ({exchange.error})"
