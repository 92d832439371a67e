"""How a system spends what is scarce: sessions, statements, loads of one thing, and its callers' time.

All of it is counted at relays, or differs so much between right and wrong that no machine's noise decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Inconclusive, expect
from assesskit.checks.journey import BAD_MOMENT, OK, Journey, failed, mostly_served, sent, served
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Relay

WIDE = 16
"""Requests at once that all need the scarce dependency."""
HELD = 0.3
"""Seconds that each of its calls takes then: no longer than a price, so that limits which fit that one fit here."""
ONE_BY_ONE = 2
"""Calls at the same time of a pool of one: the next may begin before the end of the last is on record."""
HERD = 30
"""Requests at once for one thing."""
LOADING = 0.3
"""Seconds that loading it takes then."""
LINES = 8
EACH = 0.3
"""Seconds that the price of each line takes; so many lines in a row take eight times that."""
IN_TIME = 1.2
"""Seconds for all lines, side by side: half of what they take in a row."""
ROUNDS = 3


def expect_pool(service: Service, relay: Relay, journey: Journey, fewest: int, most: int, evidence: Evidence) -> None:
    """Many requests at once use the dependency side by side, and never more of it than it has.

    The peak of calls at once is between `fewest` and `most`; what becomes of the requests is judged elsewhere.
    """
    relay.everything(Fault.delay(HELD))
    with Stalls() as stalls:
        sent(service, [journey.fresh() for _ in range(WIDE)], WIDE)
    peak = _peak(relay.calls())
    name = relay.name.removeprefix("relay ")
    evidence.figure(f"calls to {name} at the same time, at most", peak, "calls", most)
    told = f"{WIDE} requests at once, while each call to {name} takes {HELD:g} s"
    if ONE_BY_ONE < peak < fewest and stalls.explained > HELD:
        raise Inconclusive(f"{told}: {peak} side by side, but this machine stood still for {stalls.seconds:.1f} s")
    expect(
        peak >= fewest,
        f"{told}: it is called one after the other, or nearly so",
        expected=f"at least {fewest} calls at the same time, so that nobody waits while there is room",
    )
    expect(
        peak <= most,
        f"{told}: it is called more often at the same time than it bears",
        expected=f"at most {most} calls at the same time: it refuses more",
    )


def _peak(calls: Sequence[Call]) -> int:
    """How many calls ran at the same time, at most."""
    moments = [(call.began, 1) for call in calls]
    moments += [(call.ended, -1) for call in calls if call.ended is not None]
    running = peak = 0
    for _, step in sorted(moments):
        running += step
        peak = max(peak, running)
    return peak


def expect_few_queries(service: Service, relay: Relay, journey: Journey, most: int, evidence: Evidence) -> None:
    """One thing that nobody asked for lately costs few calls to the database, however many parts it has.

    The middle one of a few counts: a request that ran out of time may still be at work for the next one's.
    """
    counts = []
    for _ in range(ROUNDS):
        served(service, journey.fresh, [relay])
        counts.append(len(relay.calls()))
    cost = sorted(counts)[ROUNDS // 2]
    name = relay.name.removeprefix("relay ")
    evidence.figure(f"statements at the {name} for one thing", cost, "statements", most)
    expect(
        cost <= most,
        f"one thing costs {cost} statements at the {name}",
        sent=f"POST {journey.path} for one thing",
        expected=f"at most {most}: what belongs together is asked for together",
    )


def expect_one_load(service: Service, relay: Relay, journey: Journey, most: int, evidence: Evidence) -> None:
    """Many requests at once for a thing that nobody has yet: it is loaded once, or hardly more often."""
    item = journey.named()
    relay.script(item, Fault.delay(LOADING), always=True)
    with Stalls() as stalls:
        exchanges = sent(service, [journey.fresh(items=[item]) for _ in range(HERD)], HERD)
    loads = len(relay.calls(item))
    evidence.figure("loads of one thing that many ask for at once", loads, "loads", most)
    expect(
        loads <= most,
        f"{HERD} requests at once for one thing, which nobody had yet: it was loaded over and over",
        expected=f"at most {most} loads: who comes while it is being loaded waits for it",
    )
    mostly_served(exchanges, stalls)


def expect_side_by_side(service: Service, relay: Relay, journey: Journey, evidence: Evidence) -> None:
    """A request of many lines takes hardly longer than one of a single line, while each takes its time.

    The quickest that is served counts: a machine can make one of them slow, and none quick.
    """
    seen: list[tuple[Exchange, Stalls]] = []
    for _ in range(ROUNDS):
        trip = journey.fresh(LINES)
        for item in trip.items:
            relay.script(item, Fault.delay(EACH), always=True)
        with Stalls() as stalls:
            seen.append((service.send(trip.request()), stalls))
    for exchange, _ in seen:
        status = exchange.answered().status
        expect(status in {OK, *BAD_MOMENT}, f"answered {status}", expected="200", exchange=exchange)
    whole = [one for one in seen if not failed([one[0]])]
    best, stalls = min(whole or seen, key=lambda one: one[0].seconds)
    evidence.figure(f"a request of {LINES} lines", round(best.seconds * 1000), "ms", IN_TIME * 1000)
    told, expected = f"a request of {LINES} lines, each of which takes {EACH:g} s,", f"an answer within {IN_TIME:g} s"
    stalls.expect_within(
        best.seconds,
        IN_TIME,
        f"{told} took as long as one after the other",
        expected=f"{expected}: lines have nothing to do with each other",
        exchange=best,
    )
    if not whole and min(one.seconds for _, one in seen) > EACH:
        raise Inconclusive(f"{told} was not served, but this machine stood still for {stalls.seconds:.1f} s meanwhile")
    expect(bool(whole), f"{told} was cut short", expected=f"{expected}, with 200", exchange=best)
