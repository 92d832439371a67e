"""Whether a trace holds together is judged by what crossed relays and by which spans arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest
from tests.checks.shop import JOURNEY
from tests.checks.tracebuilder import CALLER, OTHER, TRACE, call, calling, span

from assesskit.checks import hops, joined, journey, orphans, telling
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.journey import Trip
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import Caller, trace_id_of
from assesskit.instruments.collector import Span
from assesskit.instruments.relay import Call

ARRIVED = hops.arrived


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody sends anything late here."""
    arrived = hops.arrived
    monkeypatch.setattr(hops, "arrived", lambda one, ids, enough, *_, **__: arrived(one, ids, enough, 0.1))


@dataclass
class Relayed:
    """A relay that has seen what it will ever see."""

    name: str
    seen: list[Call] = field(default_factory=list)

    def calls(self, key: str | None = None) -> list[Call]:
        return [one for one in self.seen if key in (None, one.key)]

    def clear(self) -> None:
        self.seen.clear()

    def script(self, *_: object, **__: object) -> None:
        pass


class World:
    """A system that is played: of each request it shows the calls and spans that `play` makes of it."""

    name = "gateway"

    def __init__(self, play: Any, status: int = 200, crowded_out: Mapping[str, int] = MappingProxyType({})) -> None:
        self._play, self._status, self._crowded_out = play, status, crowded_out
        self.relays = {name: Relayed(name) for name in ("checkout", "pricing", "inventory")}
        self._spans: list[Span] = []

    def send(self, request: Request, **_: object) -> Exchange:
        header = dict(request.headers).get("traceparent", "")
        caller = Caller(*header.split("-")[1:3]) if trace_id_of(header) else Caller.fresh()
        body: Any = json.loads(request.body)
        sampled = header.endswith("1")
        calls, spans = self._play(caller, body["order"], body["lines"][0]["kit"], dict(request.headers), sampled)
        for name, one in calls.items():
            self.relays[name].seen += one if isinstance(one, list) else [one]
        self._spans += spans
        status = 404 if "5007" in str(body["lines"]) else self._status
        return Exchange(request, Response(status, Headers(), b"{}", 0.01), "", 0.01)

    def spans(self, trace_id: str | None = None, **_: object) -> list[Span]:
        return [one for one in self._spans if trace_id in (None, one.trace_id)]

    def crowded_out(self) -> Mapping[str, int]:
        return self._crowded_out


def ids(caller: Caller) -> dict[str, str]:
    """Span ids of one request: each hop has a CLIENT and a SERVER span."""
    names, own = ("g", "gc", "c", "cp", "p", "pi", "i"), int(caller.span_id, 16)
    return {name: f"{(own + place) % 2**64:016x}" for place, name in enumerate(names, 1)}


def whole(caller: Caller, mark: str, kit: str, _: Mapping[str, str], sampled: bool, **odd: Any) -> Any:
    """Calls and spans of a request whose trace is whole; `odd` says what is not as it should be."""
    at, trace = ids(caller), caller.trace_id

    def sent(name: str, key: str) -> Call:
        header = ("traceparent", f"00-{odd.get('trace', trace)}-{odd.get(name, at[name])}-01")
        crossed = odd.get("header", header) if name == odd.get("where", "cp") else header
        return call(crossed, key=key, target_status=None if name in odd.get("given_up", ()) else 200)

    def made(name: str, parent: str, service: str, kind: str) -> Span:
        return span(at[name], parent, trace_id=trace, service=service, kind=kind)

    calls = {"checkout": sent("gc", mark), "pricing": sent("cp", kit), "inventory": sent("pi", kit)}
    if not sampled:
        return calls, []
    spans = [
        made("g", caller.span_id, "gateway", "SERVER"),
        made("gc", at["g"], "gateway", "CLIENT"),
        made("c", at["gc"], "checkout", "SERVER"),
        made("cp", at["c"], "checkout", "CLIENT"),
        made("p", at["cp"], "pricing", "SERVER"),
        made("pi", at["p"], "pricing", "CLIENT"),
        made("i", at["pi"], "inventory", "SERVER"),
    ]
    return calls, [one for one in spans if one.span_id not in {at[name].zfill(16) for name in odd.get("lost", ())}]


def played(**odd: Any) -> World:
    return World(lambda *args: whole(*args, **odd))


PARTS = ("gateway", "checkout", "pricing", "inventory")
EDGES = JOURNEY.__class__(**{**vars(JOURNEY), "edges": ("checkout", "pricing", "inventory")})


def one_trace(world: Any) -> None:
    joined.expect_one_trace(world, world.relays, world, EDGES, PARTS, [], Evidence())


def parents(world: Any) -> None:
    joined.expect_parents(world, world.relays, world, EDGES, PARTS, Evidence())


def no_orphans(world: Any, agents: Sequence[Any] = (), evidence: Evidence | None = None) -> None:
    orphans.expect_no_orphans(world, world.relays, world, EDGES, PARTS, agents, evidence or Evidence())


def stale(world: Any) -> None:
    joined.expect_stale_header_ignored(world, world.relays, EDGES, Evidence())


@pytest.mark.parametrize("check", [one_trace, parents, no_orphans, stale])
def test_a_trace_that_is_whole_passes(check):
    """Whatever is looked at."""
    check(played())


ODD: dict[str, dict[str, Any]] = {
    "a clock five hours ahead": {"start": 18_010.0, "end": 18_011.0},
    "a clock five hours behind": {"start": -17_990.0, "end": -17_989.0},
    "an end before the beginning": {"end": 3.0},
    "ten thousand attributes": {"attributes": {f"key {n}": "x" * 100 for n in range(10_000)}},
}


def changed(**changes: Any) -> World:
    """All of inventory's spans are odd in one way."""

    def play(*args: Any) -> Any:
        calls, spans = whole(*args)
        return calls, [replace(one, **changes) if one.service == "inventory" else one for one in spans]

    return World(play)


@pytest.mark.parametrize("check", [one_trace, parents, no_orphans])
@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_what_a_trace_is_does_not_depend_on_clocks_or_attributes(check, changes):
    """Odd spans that hold together are a trace that is whole."""
    check(changed(**changes))


def turned(caller: Caller, *args: Any) -> Any:
    """Of two spans of pricing each is the other's parent."""
    calls, spans = whole(caller, *args)
    at = {name: one.zfill(16) for name, one in ids(caller).items()}
    return calls, [replace(one, parent_id=at["pi"]) if one.span_id == at["p"] else one for one in spans]


def test_a_cycle_of_spans_is_told_and_followed_by_nobody():
    """Its spans are all there, and one is below no call."""
    one_trace(World(turned))
    with pytest.raises(Failure, match="a SERVER span of pricing is not below the span that called it"):
        parents(World(turned))
    no_orphans(World(turned))


JAEGER = ("uber-trace-id", f"{OTHER}:{CALLER}:0:1")


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (played(trace=OTHER), "the call to checkout does not carry the caller's trace id"),
        (played(header=("x", "y")), "the call to pricing does not carry"),
        (played(header=JAEGER), "the call to pricing does not carry"),
        (played(lost=("p", "pi")), "no span of pricing arrived"),
        (World(lambda *args: ({}, whole(*args)[1])), "no call to checkout was seen"),
        (played(), ""),
    ],
    ids=["another trace", "no header", "another format", "spans missing", "no call", "nothing"],
)
def test_a_trace_that_falls_apart_is_told_where(world, told):
    """With the header, or the program, that it is about."""
    if told:
        with pytest.raises(Failure, match=told):
            one_trace(world)
    else:
        one_trace(world)


def believing(caller: Caller, mark: str, kit: str, headers: Mapping[str, str], sampled: bool) -> Any:
    """A system that takes an uber-trace-id for the truth."""
    old = headers.get("uber-trace-id", "").split(":")
    return whole(Caller(*old[:2]) if len(old) == 4 else caller, mark, kit, headers, sampled)


def test_a_stale_header_that_wins_is_told():
    """The trace that goes on is the stale one's."""
    with pytest.raises(Failure, match="a stale uber-trace-id came beside a traceparent"):
        stale(World(believing))


def test_a_malformed_header_must_not_cost_an_answer():
    """Whoever answers 500 is named."""
    joined.expect_malformed_ignored({played(): EDGES.fresh().request()})  # type: ignore[dict-item]  # a small one
    with pytest.raises(Failure, match="gateway answered 500 to a request with a trace header that is malformed"):
        joined.expect_malformed_ignored({World(whole, 500): EDGES.fresh().request()})  # type: ignore[dict-item]


def forwarded(caller: Caller, *args: Any) -> Any:
    return whole(caller, *args, gc=caller.span_id)


def passed_through(caller: Caller, *args: Any) -> Any:
    """Pricing hands on what it was told, so inventory is below checkout's call as pricing is."""
    calls, spans = whole(caller, *args, pi=ids(caller)["cp"])
    at = {name: one.zfill(16) for name, one in ids(caller).items()}
    return calls, [replace(one, parent_id=at["cp"]) if one.span_id == at["i"] else one for one in spans]


def shared(caller: Caller, *args: Any) -> Any:
    """One CLIENT span is around the calls for two lines."""
    calls, spans = whole(caller, *args)
    return {**calls, "pricing": [replace(calls["pricing"], path=path) for path in ("/x", "/y")]}, spans


def too_early(caller: Caller, *args: Any) -> Any:
    return whole(caller, *args, cp=ids(caller)["c"])


def elsewhere(caller: Caller, *args: Any) -> Any:
    """Pricing's SERVER span is below something that never called it."""
    calls, spans = whole(caller, *args)
    at = ids(caller)["p"].zfill(16)
    moved = [span(one.span_id, "e", trace_id=one.trace_id, service="pricing") for one in spans if one.span_id == at]
    return calls, [one for one in spans if one.span_id != at] + moved


FIRST: list[Caller] = []


def mixed(caller: Caller, mark: str, kit: str, headers: Mapping[str, str], sampled: bool) -> Any:
    """Calls about a later request carry the trace id of the first one."""
    FIRST.append(caller)
    calls, spans = whole(caller, mark, kit, headers, sampled)
    calls["pricing"] = whole(FIRST[0], mark, kit, headers, sampled)[0]["pricing"]
    return calls, spans


@pytest.mark.parametrize(
    ("play", "told"),
    [
        (forwarded, "a call to checkout names the span of the first caller as its parent"),
        (too_early, "a call to pricing names a span of checkout as its parent that is SERVER"),
        (passed_through, "a call to inventory names the span of a call to pricing as its parent"),
        (shared, "a call to pricing names the span of a call to pricing as its parent"),
        (elsewhere, "a SERVER span of pricing is not below the span that called it"),
        (mixed, "a call to pricing belongs to one and carries the trace id of another"),
    ],
)
def test_a_hop_with_another_parent_is_told(play, told):
    """Also where all of it is in one trace."""
    with pytest.raises(Failure, match=told):
        parents(World(play))


@dataclass
class Agent:
    """An agent that has lost so many spans by the time it is asked the second time."""

    losing: int
    asked: int = 0

    def ask(self, _: str) -> dict[str, int]:
        self.asked += 1
        lost = self.losing * (self.asked > 1)
        return {"lost": 0, "lost_spans": lost, "overrun": 0}


SENT: list[Caller] = []


def forgetful(caller: Caller, *args: Any) -> Any:
    """Of every second request checkout's spans are lost."""
    SENT.append(caller)
    return whole(caller, *args, lost=("c", "cp") if len(SENT) % 2 else ())


def leafless(caller: Caller, *args: Any) -> Any:
    SENT.append(caller)
    return whole(caller, *args, lost=("i",) if len(SENT) % 2 else ())


def own_will(caller: Caller, mark: str, kit: str, headers: Mapping[str, str], sampled: bool) -> Any:
    """Inventory samples everything."""
    calls, spans = whole(caller, mark, kit, headers, True)
    return calls, spans if sampled else [one for one in spans if one.service == "inventory"]


@pytest.mark.parametrize(
    ("play", "told"),
    [
        (forgetful, "spans arrived whose parent never did"),
        (own_will, "spans arrived whose parent never did"),
        (leafless, "spans of inventory are missing after a burst"),
    ],
)
def test_what_a_burst_loses_is_told(play, told):
    """By the spans that hang in the air, or by those that are missing at the ends."""
    with pytest.raises(Failure, match=told):
        no_orphans(World(play), [Agent(0)])


def test_what_our_own_agent_has_lost_is_nobodys_fault():
    """Then nothing can be said."""
    with pytest.raises(Inconclusive):
        no_orphans(World(forgetful), [Agent(3)])


def test_who_fills_the_collector_is_not_excused_and_it_is_told():
    """What found no room there was not lost by us."""
    evidence = Evidence()
    with pytest.raises(Failure, match="spans arrived whose parent never did"):
        no_orphans(World(forgetful, crowded_out={"gateway": 0, "pricing": 7}), [Agent(0)], evidence)
    (told,) = [one for one in evidence.collected() if "no room in the collector" in one["title"]]
    assert ("pricing" in told["title"], told["data"]["value"]) == (True, 7)


def test_who_was_given_up_before_an_answer_may_never_have_heard_of_the_call():
    """On a busy machine a caller's time may be over before its call arrives."""

    def play(caller: Caller, *args: Any) -> Any:
        SENT.append(caller)
        odd: dict[str, Any] = {"lost": ("i",), "given_up": ("pi",)} if len(SENT) % 2 else {}
        return whole(caller, *args, **odd)

    no_orphans(World(play))


EVERYTHING = ("g", "gc", "c", "cp", "p", "pi", "i")


@pytest.mark.parametrize("lost", [("i",), EVERYTHING], ids=["the last", "all"])
def test_who_sends_no_spans_at_all_has_none_that_are_whole(lost):
    """Nothing bad arrives of it, and nothing good either."""
    for check, told in ((no_orphans, "are missing after a burst"), (parents, "inventory sends no span")):
        with pytest.raises(Failure, match=told):
            check(played(lost=lost))


def strayed(caller: Caller, *args: Any) -> Any:
    """Inventory's spans are in traces of their own."""
    calls, spans = whole(caller, *args)
    other = {"trace_id": OTHER, "parent_id": ""}
    return calls, [replace(one, **other) if one.service == "inventory" else one for one in spans]


def test_whose_spans_are_in_other_traces_is_judged_elsewhere():
    """Whose request they are about nobody can tell."""
    no_orphans(World(strayed))


class Failing(Relayed):
    """A relay in front of payments, which were called for every request."""

    def calls(self, key: str | None = None) -> list[Call]:
        return [call(key=key or "")]


def payments(world: Any) -> None:
    telling.expect_error_status(world, Failing("relay payments"), Relayed("relay checkout"), world, EDGES, Evidence())  # type: ignore[arg-type]


def failing(server: str, client: str, answer: int = 503, *, said: int = 503, of: str = "checkout") -> World:
    """A system whose payments fail; its SERVER and CLIENT spans say so by these statuses, the CLIENT span as `of` whom.

    The gateway's own call was answered badly, too, and says so.
    """
    trips: list[int] = []

    def play(caller: Caller, *_: Any) -> Any:
        trips.append(1)
        bad = len(trips) == 1
        at, trace = ids(caller), {"trace_id": caller.trace_id}
        status = {"status": server if bad else "UNSET"}
        paying = calling(at["cp"], at["c"], "payments", said if bad else 200, **trace, service="checkout")
        passing = calling(at["gc"], at["g"], "checkout", 503 if bad else 404, **trace, service="gateway")
        return {}, [
            span(at["g"], caller.span_id, **trace, service="gateway", **status),
            replace(passing, status="ERROR" if bad else "UNSET"),
            span(at["c"], at["gc"], **trace, service=of, **status),
            replace(paying, status=client if bad else "UNSET"),
        ]

    return World(play, answer)


@pytest.mark.parametrize(
    ("world", "told"),
    [
        (failing("ERROR", "ERROR", 200), "a dependency failed, and the request was answered 200"),
        (failing("UNSET", "ERROR"), "SERVER span of gateway has the status UNSET for a request that fails"),
        (failing("ERROR", "UNSET"), "a CLIENT span that does not say so"),
        (failing("ERROR", "UNSET", said=0), "a CLIENT span that does not say so"),
        (failing("ERROR", "ERROR", of="till"), "no SERVER span of checkout arrived of a request that fails"),
    ],
)
def test_a_failure_that_is_hidden_is_told(world, told):
    """From the caller, or from who reads the spans."""
    with pytest.raises(Failure, match=told):
        payments(world)


def test_a_failure_that_is_told_everywhere_passes():
    """To the caller and in every span."""
    payments(failing("ERROR", "ERROR"))


def consumed(**changes: Any) -> World:
    """A system whose worker has a span like this for the message of a request."""

    def play(caller: Caller, *args: Any) -> Any:
        calls, spans = whole(caller, *args)
        fields = {"trace_id": caller.trace_id, "service": "worker", "kind": "CONSUMER", **changes}
        if fields.get("links") == "here":
            fields["links"] = ((caller.trace_id, ids(caller)["c"].zfill(16)),)
        if fields.get("links") == "the gateway's":
            fields["links"] = ((caller.trace_id, ids(caller)["gc"].zfill(16)),)
        parent = fields.pop("parent", "c")
        return calls, [*spans, span("f", ids(caller).get(parent, parent), **fields)]

    return World(play)


@pytest.mark.parametrize("world", [consumed(), consumed(trace_id=OTHER, parent="", links="here")])
def test_a_message_may_be_below_the_request_or_linked_to_it(world):
    """Both are right."""
    telling.expect_consumer_linked(world, "checkout", "worker", world, EDGES, Evidence())


@pytest.mark.parametrize(
    "world",
    [
        consumed(trace_id=OTHER, parent=""),
        consumed(kind="INTERNAL"),
        consumed(service="checkout"),
        consumed(parent="d00d"),
        consumed(trace_id=OTHER, parent="", links=((OTHER, CALLER),)),
        consumed(parent="gc"),
        consumed(trace_id=OTHER, parent="", links="the gateway's"),
    ],
    ids=[
        "a trace of its own",
        "another kind",
        "another's span",
        "no such parent",
        "another link",
        "below the gateway's call",
        "linked to the gateway's call",
    ],
)
def test_a_message_that_belongs_to_nothing_is_told(world):
    """Whatever else of the worker is there."""
    with pytest.raises(Failure, match="no CONSUMER span of worker belongs to the request"):
        telling.expect_consumer_linked(world, "checkout", "worker", world, EDGES, Evidence())


def test_ids_of_either_format_are_read_padded():
    """Jaeger leaves leading zeros out, and may escape its colons."""
    jaeger = ("Uber-Trace-Id", f"{'a' * 31}%3A{'c' * 15}%3A0%3A1")
    assert hops.senders(call(jaeger)) == [("0" + "a" * 31, "0" + "c" * 15)]
    assert hops.senders(call(("traceparent", f"00-{TRACE}-{CALLER}-01"))) == [(TRACE, CALLER)]
    assert hops.senders(call(("traceparent", "00-zz-zz-01"), ("uber-trace-id", "a:b"))) == []
    assert hops.belongs(call(jaeger, ("traceparent", f"00-{TRACE}-{CALLER}-01")), TRACE) is False


def test_a_trip_asks_for_what_it_says():
    """Its mark and things are in its body, and its trace in its header."""
    trip: Trip = JOURNEY.fresh(2, count=3)
    body = json.loads(trip.request().body)
    assert body == {"order": trip.mark, "lines": [{"kit": kit, "quantity": 3} for kit in trip.items]}
    assert len(set(trip.items)) == 2
    assert dict(trip.request(sampled=False).headers)["traceparent"].endswith("-00")
    assert dict(trip.request({"x": "y"}).headers)["x"] == "y"


class Batches:
    """A collector that gets one trace's spans in two batches; the second one has a child without its parent."""

    def __init__(self, apart: float) -> None:
        self._began, self._apart = time.monotonic(), apart

    def spans(self, *_: object, **__: object) -> list[Span]:
        first, second = [span("1", CALLER)], [span("2", "9")]
        return [*first, *second] if time.monotonic() - self._began > self._apart else first


def test_what_is_still_to_come_may_be_what_is_wrong():
    """Whoever looks for what must not be there waits for a batch of every program first."""

    def whole(found: list[Span]) -> bool:
        return all(one.parent_id in {CALLER, *(other.span_id for other in found)} for one in found)

    assert len(ARRIVED(Batches(0.6), [TRACE], whole, 0.1)) == 1  # type: ignore[arg-type]  # a small one
    assert len(ARRIVED(Batches(0.6), [TRACE], whole, 0.1, at_least=0.7)) == 2  # type: ignore[arg-type]  # a small one
    assert hops.BATCH > 5


class Standing:
    """A machine that stands still for as long as one may think of."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def seconds(self) -> float:
        self._seconds += 100.0
        return self._seconds

    def settle(self) -> None:
        pass


def test_what_may_come_yet_is_not_missing(monkeypatch):
    """Where the machine stands still nobody can tell; what is there is judged all the same."""
    monkeypatch.setattr(hops, "Stalls", lambda: Stalls(Standing()))
    with pytest.raises(Inconclusive, match="spans may still come: this machine stood still"):
        ARRIVED(played(), [TRACE], lambda _: False, 0.1)  # type: ignore[arg-type]  # a small one
    assert ARRIVED(played(), [TRACE], lambda _: True, 0.1) == []  # type: ignore[arg-type]  # a small one


@pytest.mark.parametrize("status", [503, 504])
def test_requests_that_run_out_of_time_while_the_machine_stands_still_are_nobodys_fault(monkeypatch, status):
    """An answer that no bad moment explains is told all the same."""
    monkeypatch.setattr(journey, "Stalls", lambda: Stalls(Standing()))
    monkeypatch.setattr(joined, "Stalls", lambda: Stalls(Standing()))
    for check in (one_trace, parents):
        with pytest.raises(Inconclusive, match="ran out of time"):
            check(World(whole, status))
        with pytest.raises(Failure, match="not served"):
            check(World(whole, 500))
