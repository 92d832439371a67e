"""What spans and lines tell of a request that failed, of a message, and of a service that is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assesskit.checks import hops, logs
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.journey import TRIES, Journey, Trip, asked, excuse, served
from assesskit.checks.services import Control, Service
from assesskit.checks.spans import CONVENTIONS, SERVER_ERROR
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import ARRIVAL
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Relay

GRACE = 10.0
"""Seconds from SIGTERM until a program must have ended."""
BEFORE = 3
"""Requests that are answered just before it."""
LAST_MOMENT = 14.0
"""Seconds for spans to arrive of programs that have ended. A message that was taken and not finished is handed out
again, and consumed after the start.
"""


def expect_error_status(
    service: Service, failing: Relay, first: Relay, collector: Collector, journey: Journey, evidence: Evidence
) -> None:
    """A request that fails says so, to its caller and in its spans; one that asks for nothing known is no error.

    `failing` is in front of the dependency that fails for one request, `first` behind the service.
    """
    unknown = journey.names.format(journey.known + 7)
    with Stalls() as stalls:
        for _ in range(TRIES):  # on a busy machine the time may be over before the dependency is asked
            bad = journey.fresh()
            failing.script(bad.mark, Fault.status(503), always=True)
            exchange = service.send(bad.request())
            if failing.calls(bad.mark):
                break
    status = exchange.answered().status
    expect(
        status in {502, 503, 504},
        f"a dependency failed, and the request was answered {status}",
        expected="503",
        rule="RFC 9110, 15.6.4",
        exchange=exchange,
    )
    if not failing.calls(bad.mark):
        excuse([exchange], stalls)
    odd, refused = asked(service, lambda: journey.fresh(items=[unknown]))
    gone = refused.answered().status
    expect(gone == 404, f"an unknown thing was answered {gone}", expected="404", exchange=refused)  # noqa: PLR2004
    for trip, words in ((bad, "fails"), (odd, "asks for something unknown")):
        _judge_status(service, first, collector, trip, words, evidence)


def _judge_status(
    service: Service, first: Relay, collector: Collector, trip: Trip, words: str, evidence: Evidence
) -> None:
    failing = words == "fails"
    names = (service.name, first.name.removeprefix("relay "))

    def serving(spans: list[Span]) -> set[str]:
        return {span.source for span in spans if span.kind == "SERVER"}

    def calls(spans: list[Span]) -> list[Span]:
        return [one for one in spans if one.kind == "CLIENT" and _answered(one) >= SERVER_ERROR]

    def own(spans: list[Span]) -> bool:
        """Whether there is the span of the call that failed, beside those of who was told of it."""
        return not failing or names[-1] in {one.source for one in calls(spans)}

    def told(spans: list[Span]) -> bool:
        return set(names) <= serving(spans) and own(spans)

    spans = hops.arrived(collector, [trip.caller.trace_id], told)
    evidence.spans(f"spans of a request that {words}", spans)
    theirs = [one for one in spans if one.source in names]
    theirs.sort(key=lambda one: (names.index(one.source), one.kind, one.name, one.status))
    lines = "\n".join(f"{one.source}: {one.kind} {one.name}: {one.status}" for one in theirs)
    missing = [name for name in names if failing and name not in serving(spans)]
    expect(
        not missing,
        f"no SERVER span of {', '.join(missing)} arrived of a request that {words}",
        received=lines,
        expected="a SERVER span with the status ERROR",
    )
    for span in (one for one in theirs if one.kind == "SERVER"):
        expect(
            (span.status == "ERROR") == failing,
            f"the SERVER span of {span.source} has the status {span.status} for a request that {words}",
            received=lines,
            expected="ERROR where the answer is 500 or above, and for no other",
            rule=CONVENTIONS,
        )
    expect(
        own(spans) and all(one.status == "ERROR" for one in calls(spans)),
        "a call that was answered with 5xx has a CLIENT span that does not say so",
        received=lines,
        expected="the answer's status as http.response.status_code, and ERROR as the span's",
        rule=CONVENTIONS,
    )


def _answered(span: Span) -> int:
    said = span.attributes.get("http.response.status_code", span.attributes.get("http.status_code", 0))
    return int(said) if str(said).isdecimal() else 0


def expect_consumer_linked(
    service: Service, publisher: str, consumer: str, collector: Collector, journey: Journey, evidence: Evidence
) -> None:
    """The message that a request leaves is consumed below a span of its `publisher`, or with a link to one."""
    trip = served(service, journey.fresh)
    trace_id = trip.caller.trace_id

    def linked(span: Span) -> bool:
        return span.source == consumer and (span.trace_id == trace_id or any(one[0] == trace_id for one in span.links))

    def below(spans: list[Span]) -> list[Span]:
        ids = {span.span_id for span in spans if span.source == publisher and span.trace_id == trace_id}
        own = [span for span in spans if linked(span) and span.kind == "CONSUMER"]
        return [one for one in own if ids & {one.parent_id, *(link for _, link in one.links)}]

    for _ in range(2):  # its own trace is soon looked through, all others for a link are not
        spans = hops.arrived(collector, [trace_id], lambda found: bool(below(found)), ARRIVAL / 2)
        if not below(spans):
            spans += [span for span in collector.spans() if span.trace_id != trace_id and linked(span)]
        if below(spans):
            break
    evidence.spans("spans of a request and of its message", spans)
    own = sorted(f"{span.kind} {span.name}" for span in spans if span.source == consumer)
    expect(
        bool(below(spans)),
        f"no CONSUMER span of {consumer} belongs to the request that left the message",
        sent=f"traceparent: {trip.caller.traceparent}",
        received="\n".join(own) or f"no span of {consumer} in this trace, or with a link to it",
        expected="a CONSUMER span below the span that published the message, or linked to it",
        rule="OpenTelemetry semantic conventions for messaging spans",
    )


def expect_flushed(
    control: Control, parts: Sequence[str], collector: Collector, journey: Journey, usual: frozenset[str]
) -> None:
    """All programs get SIGTERM right after requests were answered: the spans of these arrive all the same.

    `usual` are the programs whose spans arrive otherwise. All have been started again on return.
    """
    services = [control.service(name) for name in parts]
    trips = [served(services[0], journey.fresh) for _ in range(BEFORE)]
    with Stalls() as stalls:
        for service in services:
            service.signal("TERM")
        states = [_ended(service, stalls) for service in services]
    for service, state in zip(services, states, strict=True):
        if state["running"]:
            service.stop(1.0)
    for service in services:
        service.start()
    for service in services:
        service.until_ready()
    if left := [name for name, state in zip(parts, states, strict=True) if state["running"]]:
        if stalls.explained > GRACE:
            raise Inconclusive(f"a stop took long, but this machine stood still for {stalls.seconds:.1f} s meanwhile")
        raise Failure(f"{GRACE:g} s after SIGTERM {', '.join(left)} still ran", expected=f"its end within {GRACE:g} s")
    _expect_arrived(collector, trips, [name for name in parts if name in usual])


def _ended(service: Service, stalls: Stalls) -> dict[str, Any]:
    """The status of a program that was told to end, once it has; or when its time is over."""
    state = service.wait(GRACE)
    return service.wait(min(stalls.explained, GRACE)) if state["running"] else state


def _expect_arrived(collector: Collector, trips: Sequence[Trip], usual: Sequence[str]) -> None:
    def lost(spans: list[Span]) -> list[str]:
        there = {(span.trace_id, span.source) for span in spans if span.kind in hops.SERVED}
        return [name for name in usual if any((trip.caller.trace_id, name) not in there for trip in trips)]

    found = hops.arrived(collector, [trip.caller.trace_id for trip in trips], lambda one: not lost(one), LAST_MOMENT)
    expect(
        not lost(found),
        f"spans of {', '.join(lost(found))} did not arrive, of requests that were answered just before SIGTERM",
        sent=f"{len(trips)} requests, then SIGTERM to every program",
        expected="what is not exported yet is sent before the process ends",
    )


def expect_correlated(
    service: Service, collector: Collector, journey: Journey, control: Control, parts: Sequence[str], evidence: Evidence
) -> None:
    """Every program whose spans belong to a request has a line of JSON that holds its trace id."""
    trip = served(service, journey.fresh)
    trace_id = trip.caller.trace_id
    spans = hops.arrived(collector, [trace_id], lambda found: set(parts) <= {span.source for span in found})
    there = [name for name in parts if name in {span.source for span in spans}]
    expect(bool(there), "no program sent a span of a request, so no line can be found by its trace", expected="spans")
    for name in there:
        logs.expect_correlated(control.service(name), {trace_id: f"a request that {name} took part in"}, evidence)


def taking_part(service: Service, collector: Collector, journey: Journey, parts: Sequence[str]) -> frozenset[str]:
    """Whose spans arrive of an ordinary request in its own trace, as SERVER or CONSUMER; and who never sends any.

    Of the others the spans are in another trace, where nobody can tell whose request they are about.
    """
    trip = served(service, journey.fresh)

    def own(spans: list[Span]) -> frozenset[str]:
        return frozenset(span.source for span in spans if span.kind in hops.SERVED)

    found = hops.arrived(collector, [trip.caller.trace_id], lambda found: set(parts) <= own(found), ARRIVAL / 2)
    return own(found) | frozenset(hops.silent(collector, parts, found))
