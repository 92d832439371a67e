"""A repaired system must do for its callers what it did before, and stop without losing what it has to tell."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.checks.shop import JOURNEY
from tests.checks.tracebuilder import call, span

from assesskit.checks import hops, regression, telling
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure
from assesskit.checks.regression import Ledgers
from assesskit.instruments.collector import Span
from assesskit.instruments.relay import Call

LEDGERS = Ledgers("payments", "amount", "total", "database", "SELECT pence", "queue", "/messages", 999)
PRICE = 250
PARTS = ("gateway", "worker")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody sends anything late here."""
    arrived = hops.arrived
    monkeypatch.setattr(hops, "arrived", lambda one, ids, enough, *_, **__: arrived(one, ids, enough, 0.1))
    monkeypatch.setattr(regression, "LEAVING", 0.5)


@dataclass
class Relayed:
    """A relay whose calls are made by the shop below."""

    seen: list[Call] = field(default_factory=list)

    def calls(self, key: str | None = None) -> list[Call]:
        return [one for one in self.seen if key in (None, one.key)]


class Till:
    """A shop that is played; `flaws` are words: see where they are asked for."""

    name = "gateway"

    def __init__(self, *flaws: str) -> None:
        self._flaws = flaws
        self.relays: dict[str, Any] = {"payments": Relayed(), "queue": Relayed()}
        self.client = self
        self._counts: set[int] = set()

    def service(self, _: str) -> Till:
        return self

    def send(self, request: Request, **_: object) -> Exchange:
        body: Any = json.loads(request.body)
        if request.path == "/query":
            return answered(request, 200, {"rows": [[PRICE - 1], [1]]})
        return self._checked_out(request, body["order"], body["lines"])

    def _checked_out(self, request: Request, mark: str, lines: list[dict[str, Any]]) -> Exchange:
        if not lines:
            return answered(request, 500 if "no validation" in self._flaws else 400)
        count = lines[0]["quantity"]
        unknown = any(one["kit"] == JOURNEY.names.format(5001) for one in lines)
        if unknown and "charges first" in self._flaws:
            self._paid(mark, 1, "one")
        if unknown:
            return answered(request, 404)
        if count == LEDGERS.most:
            return answered(request, 402)
        self._counts.add(count)
        total = (min(self._counts) if "stale price" in self._flaws else count) * PRICE * len(lines)
        for key in ("one", "other" if "charges twice" in self._flaws else "one"):
            self._paid(mark, total - ("charges less" in self._flaws), key)
        left = call(key=mark, method="POST", path="/messages", target_status=202)
        if "no message" not in self._flaws:
            threading.Timer(0.1, self.relays["queue"].seen.append, [left]).start()
        return answered(request, 200, {"total": total})

    def _paid(self, mark: str, amount: int, key: str) -> None:
        """Payments charge once for a key, however often they are asked."""
        fields = {"key": mark, "method": "POST", "path": "/c", "target_status": 201}
        body = json.dumps({"order": mark, "amount": amount})
        self.relays["payments"].seen.append(call(("Idempotency-Key", key), body=body, **fields))


def answered(request: Request, status: int, body: object = None) -> Exchange:
    return Exchange(request, Response(status, Headers(), json.dumps(body).encode(), 0.01), "", 0.01)


def judge(till: Any) -> None:
    regression.expect_as_before(till, till, till.relays, JOURNEY, LEDGERS, Evidence())


def test_a_shop_that_does_as_before_passes() -> None:
    """Sums, payments, messages and refusals are as they were.

    A payment that was asked for again under its key is one, and a message may be left after the answer.
    """
    judge(Till())


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        ("stale price", "a sum is 500"),
        ("charges twice", "payments of .* were made"),
        ("charges less", "payments of .* were made"),
        ("no message", "0 messages were left"),
        ("no validation", "a request was answered 500"),
        ("charges first", "an unknown thing led to a payment"),
    ],
)
def test_what_changed_is_told(flaw: str, told: str) -> None:
    """Each by what a customer would notice."""
    with pytest.raises(Failure, match=told):
        judge(Till(flaw))


class Stopping:
    """Programs that are stopped and started; they send what they have at their end, but those of `lossy`."""

    def __init__(self, lossy: tuple[str, ...] = (), *, stays: str = "") -> None:
        self._lossy, self._stays = lossy, stays
        self._open: list[Span] = []
        self._arrived: list[Span] = []
        self.did: list[str] = []

    def service(self, name: str) -> Any:
        world = self

        class One:
            def send(self, request: Request, **_: object) -> Exchange:
                trace, caller = dict(request.headers)["traceparent"].split("-")[1:3]
                for place, part in enumerate(PARTS):
                    kind = "SERVER" if place == 0 else "CONSUMER"
                    world._open.append(
                        span(f"{place + 1}{caller[1:]}", caller, trace_id=trace, service=part, kind=kind)
                    )
                return answered(request, 200)

            def signal(self, _: str) -> None:
                world.did.append(f"signal {name}")
                world._arrived += [one for one in world._open if one.service == name and name not in world._lossy]

            def wait(self, _: float) -> dict[str, Any]:
                return {"running": name == world._stays}

            def stop(self, _: float) -> None:
                world.did.append(f"stop {name}")

            def start(self) -> None:
                world.did.append(f"start {name}")

            def until_ready(self) -> None:
                pass

            def logs(self, *_: object) -> dict[str, str]:
                lines = [json.dumps({"trace_id": one.trace_id}) + "\n" for one in world._open if name == "gateway"]
                return {"stdout": "".join(lines), "stderr": ""}

        return One()

    def spans(self, trace_id: str | None = None, **_: object) -> list[Span]:
        return [one for one in self._arrived if trace_id in (None, one.trace_id)]


def stopped(world: Any, usual: frozenset[str] = frozenset(PARTS)) -> None:
    telling.expect_flushed(world, PARTS, world, JOURNEY, usual)


def test_programs_that_send_what_they_have_at_their_end_lose_nothing() -> None:
    """All are signalled before any is started again."""
    world = Stopping()
    stopped(world)
    assert world.did == [f"signal {name}" for name in PARTS] + [f"start {name}" for name in PARTS]


def test_what_is_lost_at_the_end_is_told_by_whom() -> None:
    """A program whose spans never arrive is another criterion's."""
    with pytest.raises(Failure, match="spans of worker did not arrive"):
        stopped(Stopping(("worker",)))
    stopped(Stopping(("worker",)), frozenset({"gateway"}))


def test_a_program_that_stays_is_told_and_stopped() -> None:
    """It is there again for the checks that come after."""
    world = Stopping(stays="worker")
    with pytest.raises(Failure, match="after SIGTERM worker still ran"):
        stopped(world)
    assert world.did[-3:] == ["stop worker", "start gateway", "start worker"]


class Flushed(Stopping):
    """Whose spans arrive at once."""

    def spans(self, trace_id: str | None = None, **_: object) -> list[Span]:
        return [one for one in self._open if trace_id in (None, one.trace_id)]


def correlated(world: Any, parts: tuple[str, ...]) -> None:
    telling.expect_correlated(world.service("gateway"), world, JOURNEY, world, parts, Evidence())


def test_who_sends_spans_has_a_line_with_their_trace(monkeypatch) -> None:
    """And who sends none is another criterion's, unless nobody does."""
    monkeypatch.setattr("assesskit.checks.logs.ARRIVAL", 0.1)
    correlated(Flushed(), ("gateway", "pricing"))
    with pytest.raises(Failure, match="a request that worker took part in"):
        correlated(Flushed(), PARTS)
    with pytest.raises(Failure, match="no program sent a span of a request"):
        correlated(Stopping(), PARTS)


class Strayed(Flushed):
    """Its worker's spans are in other traces."""

    def spans(self, trace_id: str | None = None, **_: object) -> list[Span]:
        return [one for one in super().spans(trace_id) if trace_id is None or one.service != "worker"]


@pytest.mark.parametrize(
    ("world", "expected"),
    [(Flushed(), PARTS), (Strayed(), ("gateway",)), (Stopping(), PARTS)],
    ids=["all", "another trace", "none at all"],
)
def test_who_takes_part_is_who_sends_spans(world: Any, expected: tuple[str, ...]) -> None:
    """Of an ordinary request, in its own trace; who never sends any is asked for them all the same."""
    assert telling.taking_part(world.service("gateway"), world, JOURNEY, PARTS) == frozenset(expected)


def test_a_sum_is_asked_for_again_after_a_bad_moment() -> None:
    """On a busy machine a request may run out of time; the next one is judged."""
    till: Any = Till()
    send, times = till.send, itertools.count()
    till.send = lambda request, **_: answered(request, 504) if next(times) % 2 else send(request)
    till.client = Till()
    judge(till)
