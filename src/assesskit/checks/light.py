"""What probes cost: they come all day from every side, so they are quick and ask others for next to nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from assesskit.checks.creation import RECOVERING, Creation, created
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.services import Control, Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.relay import Relay

PROBERS, MAKERS = 12, 2
"""Clients that probe, and clients that make things meanwhile."""
EVERY = 0.2
"""Seconds from one probe of a client to its next, which is at least as long as a probe may take: sixty a second in all,
however long they take.
"""
BETWEEN = 0.3
"""Seconds between two things made by one client."""
ENOUGH = 4096
"""Bytes of an answer to a probe: hundreds are held."""
FEWEST = 1.5
"""Times the calls that are allowed: fewer probes of a path than that tell nothing."""
SHARE = 0.2
"""Of the window: a machine that stood still for longer cannot tell how quick others were."""
LOST = 0.05
"""Of the probes that may get something else than 200, in a moment that a busy machine had."""
OK = 200
DEADLINE = 3.0


@dataclass(frozen=True)
class Window:
    """`seconds` of probes while things were `made`; `calls` came to the dependency beside those that made them."""

    probes: Sequence[Exchange]
    made: int
    calls: int
    seconds: float
    stood_still: float


def probed(
    control: Control,
    service: Service,
    relay: Relay,
    paths: Sequence[str],
    fresh: Callable[[], Creation],
    seconds: float,
) -> Window:
    """Probe `paths` in turn for `seconds` while things are made. Raises Inconclusive where it is never quiet enough."""
    with control.quietly():
        relay.clear()
        until = time.monotonic() + seconds
        with Stalls() as stalls, ThreadPoolExecutor(PROBERS + MAKERS) as pool:
            making = [pool.submit(_make, service, fresh, until) for _ in range(MAKERS)]
            probing = [pool.submit(_probe, service, paths, number, until) for number in range(PROBERS)]
            marks = {mark for one in making for mark in one.result()}
            probes = [exchange for one in probing for exchange in one.result()]
    calls = [call for call in relay.calls() if call.key not in marks]
    return Window(probes, len(marks), len(calls), seconds, stalls.seconds)


def expect_light(window: Window, calls: float, limit: float, evidence: Evidence) -> None:
    """Half of the probes of each path were answered within `limit` seconds, and they cost at most `calls` a second.

    One further call for each thing made is not held against the probes: who makes it may ask whether that is possible.
    """
    _expect_well(window)
    allowed = calls * window.seconds + window.made
    paths = sorted({exchange.request.path for exchange in window.probes})
    for path in paths:
        seconds = [exchange.seconds for exchange in window.probes if exchange.request.path == path]
        median = statistics.median(seconds)
        evidence.figure(f"half of the probes of {path} took at most", round(median * 1000, 1), "ms", limit * 1000)
        _expect_quick(window, path, median, limit)
    evidence.figure("calls that the probes cost the dependency", window.calls, "calls", allowed)
    expect(
        window.calls <= allowed,
        f"probes cost the dependency more than {calls:g} calls a second",
        sent=f"GET {' and '.join(paths)}, over and over, while POSTs are answered",
        received=f"about {window.calls / window.seconds:+.1f} calls a second that no POST asked for",
        expected=f"at most {calls:g} a second, however many probes come",
    )
    if len(window.probes) < FEWEST * allowed * len(paths):
        raise Inconclusive(f"only {len(window.probes)} probes in {window.seconds:g} s: too few to tell what they cost")


def _expect_well(window: Window) -> None:
    """All but a few probes say 200: a probe that is quick to fail is not light."""
    wrong = [probe for probe in window.probes if probe.response is None or probe.response.status != OK]
    if len(wrong) <= LOST * len(window.probes):
        return
    told = f"{len(wrong)} of {len(window.probes)} probes did not get 200 while POSTs were answered"
    if window.stood_still > SHARE * window.seconds:
        raise Inconclusive(f"{told}, but this machine stood still for {window.stood_still:.1f} s meanwhile")
    raise Failure(told, expected="200 from every probe, while all is well", exchange=wrong[0])


def _expect_quick(window: Window, path: str, median: float, limit: float) -> None:
    if median <= limit:
        return
    told = f"half of the probes of {path} took longer than {limit * 1000:g} ms while POSTs were answered"
    if window.stood_still > SHARE * window.seconds:
        raise Inconclusive(f"{told}, but this machine stood still for {window.stood_still:.1f} s meanwhile")
    raise Failure(
        told,
        sent=f"GET {path}, over and over",
        received=f"half of them took at least {median * 1000:.0f} ms",
        expected=f"half of them within {limit * 1000:g} ms",
    )


def _make(service: Service, fresh: Callable[[], Creation], until: float) -> set[str]:
    """Make things; return their marks. Raises Failure when not even the first can be made."""
    marks: set[str] = set()
    while time.monotonic() < until:
        creation = fresh()
        marks.add(creation.mark)
        exchange = service.send(creation.request(), deadline=DEADLINE)
        if len(marks) == 1 and exchange.answered().status not in RECOVERING:
            created(exchange)
        time.sleep(BETWEEN)
    return marks


def _probe(service: Service, paths: Sequence[str], number: int, until: float) -> list[Exchange]:
    """Probe on time, and never twice at once: one that takes too long takes the place of the next."""
    seen: list[Exchange] = []
    due = time.monotonic() + number * EVERY / PROBERS
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        path = paths[(number + len(seen)) % len(paths)]
        seen.append(service.send(Request("GET", path), deadline=DEADLINE, most=ENOUGH))
        due = max(due + EVERY, time.monotonic())
    return seen
