"""A dependency that fails now and then, or altogether, behind several programs: its calls are counted at its relay.

Whoever counts them in spans is misled: of a storm many spans are missing.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import expect
from assesskit.checks.journey import Journey, excuse, failed, sent
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Relay

AT_ONCE = 6
BEFORE = 30
"""Requests ahead of the flaky ones: retry budgets may have to be earned first."""
SPENT, COUNTED = 25, 50
"""Requests that find the dependency dead: the first ones spend what retry budgets have saved up."""
MOST_CALLS = 1.3
"""For each request while the dependency is dead."""
EVERY = 12
"""Of the flaky requests, one in so many finds that its first call fails: a budget of a tenth has room for it."""
FLAKY = 100
MOST_FAILED = 1
DEAD_FOR = 30
"""Requests that find the dependency dead, until it is back."""
BACK_WITHIN = 10.0
IN_A_ROW = 5
SETTLED = 2
"""Successes in a row, after which a check may be followed by the next."""
TOLERANCE = 1.0
ROOM = 100
"""Calls that evidence keeps."""


def expect_few_calls(
    service: Service, relay: Relay, journey: Journey, evidence: Evidence, before: Sequence[Relay] = ()
) -> None:
    """The dependency is dead: it is called hardly more often than there are requests.

    Nor are those who stand `before` it: whoever leaves it alone may hide how often others ask.
    """
    item = [journey.named()]
    relay.everything(Fault.status(503))
    sent(service, [journey.fresh(items=item) for _ in range(SPENT)], AT_ONCE)
    trips = [journey.fresh(items=item) for _ in range(COUNTED)]
    exchanges = sent(service, trips, AT_ONCE)
    marks = {trip.mark for trip in trips}
    for one in (relay, *before):
        seen = [call for call in one.calls() if call.key in marks]
        calls = len(seen) / COUNTED
        evidence.relay(f"calls to {_name(one)} while {_name(relay)} fails, of the first requests", _first(seen))
        evidence.figure(f"calls to {_name(one)} for each request", round(calls, 2), "calls", MOST_CALLS)
        called = "it" if one is relay else _name(one)
        expect(
            calls <= MOST_CALLS,
            f"while {_name(relay)} failed every call, {called} was called {calls:.0f} times for each request",
            sent=f"{COUNTED} requests, {AT_ONCE} at a time",
            expected=f"at most {MOST_CALLS:g} calls for each: one program repeats calls,"
            " and only a small share of them",
            exchange=exchanges[-1],
        )


def expect_flakiness_hidden(service: Service, relay: Relay, journey: Journey, evidence: Evidence) -> None:
    """Every twelfth request finds that its first call to the dependency fails: nearly all succeed all the same."""
    item = [journey.named()]
    sent(service, [journey.fresh(items=item) for _ in range(BEFORE)], AT_ONCE)
    trips = [journey.fresh(items=item) for _ in range(FLAKY)]
    hit = slice(None, None, EVERY)
    for trip, fault in zip(trips[hit], itertools.cycle((Fault.reset(), Fault.status(503))), strict=False):
        relay.script(trip.mark, fault)
    with Stalls() as stalls:
        exchanges = sent(service, trips, AT_ONCE)
    bad = failed(exchanges)
    evidence.figure("failed while one first call in twelve fails", len(bad), "requests", MOST_FAILED)
    told = f"{FLAKY} requests, of which every twelfth found its first call to {_name(relay)} failing"
    told += f": about {max(1, round(len(bad) / 5)) * 5} failed"
    if len(bad) > MOST_FAILED and len(failed(exchanges[hit])) <= len(exchanges[hit]) / 2:
        excuse(bad, stalls)
    expect(
        len(bad) <= MOST_FAILED,
        told,
        expected=f"at most {MOST_FAILED} of {FLAKY} fails: a call that failed for a moment is made once more",
        exchange=bad[0] if bad else None,
    )


def expect_recovery(service: Service, relay: Relay, journey: Journey, evidence: Evidence) -> None:
    """The dependency was dead and is back: soon requests succeed again, several in a row."""
    item = [journey.named()]
    relay.everything(Fault.status(503))
    sent(service, [journey.fresh(items=item) for _ in range(DEAD_FOR)], AT_ONCE)
    relay.everything(None)
    began, row = time.monotonic(), 0
    with Stalls() as stalls:
        while row < IN_A_ROW and stalls.within(BACK_WITHIN + TOLERANCE):
            last = sent(service, [journey.fresh(items=item)], 1)
            row = 0 if failed(last) else row + 1
            time.sleep(0.0 if row else 0.25)
    evidence.figure("until requests succeed again", round(time.monotonic() - began, 1), "s", BACK_WITHIN)
    expect(
        row == IN_A_ROW,
        f"{BACK_WITHIN:g} s after {_name(relay)} was back, requests still fail",
        sent=f"{DEAD_FOR} requests while it failed every call; then one after the other",
        expected=f"{IN_A_ROW} successes in a row within {BACK_WITHIN:g} s",
        exchange=last[0],
    )


def settle(service: Service, journey: Journey) -> None:
    """Leave a system behind that serves: a right one may leave alone for a while what has just failed.

    Whether it does in time is a matter of `expect_recovery`.
    """
    item, row = [journey.named()], 0
    with Stalls() as stalls:
        while row < SETTLED and stalls.within(BACK_WITHIN):
            row = 0 if failed(sent(service, [journey.fresh(items=item)], 1)) else row + 1
            time.sleep(0.0 if row else 0.25)


def _first(calls: Sequence[Call]) -> list[Call]:
    """All calls of the first requests, of as many as evidence has room for."""
    counts = Counter(call.key for call in calls)
    room = dict(zip(counts, itertools.accumulate(counts.values()), strict=True))
    return [call for call in calls if room[call.key] <= ROOM]


def _name(relay: Relay) -> str:
    """What is behind a relay."""
    return relay.name.removeprefix("relay ")
