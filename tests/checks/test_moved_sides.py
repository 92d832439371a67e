"""Both sides of a move: whose fault it is when one of them does not do what it should, and when waiting ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from tests.checks.test_moved_contract import MOVING, answered

from assesskit.checks import moved_keys, moved_work, moving, ownership
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.moved_work import Telling, Work
from assesskit.checks.moving import Move, expect_this, things_of
from assesskit.checks.world import StageError
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call

TELLING = Telling(
    "/things",
    "thing.made.v1",
    {"confirmed": "thing.confirmed.v1", "ended": "thing.ended.v1"},
    ["id", "version", "key"],
    "key",
)


@dataclass
class Side:
    """Things in memory, below their owners; `progress` is what it says of its backfill."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: Any = None
    end: int = 7
    status: int = 201
    fixed: bool = True
    numbers: bool = False
    asks: Callable[[str, str], object] = lambda method, path: None
    uid: int | None = None
    ready_path: str = "/readyz"

    def send(self, request: Request, **_: object) -> Exchange:
        self.asks(request.method, request.path)
        return answered(request, *self._answer(request, request.path.partition("?")[0].strip("/").split("/")))

    def _answer(self, request: Request, path: list[str]) -> tuple[int, Any]:
        status: int = 404
        body: Any = {"error": "no"}
        match path:
            case ["backfill"]:
                status, body = 202 if request.method == "POST" else 200, self.progress
            case ["internal", "changes"]:
                status, body = 200, {"changes": [], "end": self.end}
            case ["owners"]:
                status, body = self.status, json.loads(request.body)
            case ["owners", owner, "things"] if request.method == "POST":
                status, body = self._make(request, owner)
            case ["owners", owner, "things"]:
                first = (int(request.path.partition("page=")[2] or 1) - 1) * 100
                own = [one for one in self.things.values() if one["owner"] == owner]
                status, body = 200, {"things": own[first : first + 100]}
            case ["owners", _, "things", name]:
                status, body = (200, self.shown(name)) if name in self.things else (404, {})
            case ["owners", _, "things", name, step]:
                number = sum("number" in one for one in self.things.values()) + 1
                numbered = {"number": f"{number:04}"} if self.numbers and step == "confirm" else {}
                version = self.things[name]["version"] + 1
                self.things[name] |= {"version": version, "status": MOVING.steps[step], **numbered}
                self.changed(name)
                status, body = 200, self.shown(name)
        return status, body

    def shown(self, name: str) -> dict[str, Any]:
        return {field: value for field, value in self.things[name].items() if field != "key"}

    def changed(self, name: str) -> None:
        """Whoever tells of changes overrides this."""

    def _make(self, request: Request, owner: str) -> tuple[int, Any]:
        key = dict(request.headers).get("Idempotency-Key")
        known = [one for one in self.things.values() if key and one["key"] == key and one["owner"] == owner]
        if known and self.fixed:
            return 200, known[0]
        name = f"{len(self.things):016x}"
        self.things[name] = {"id": name, "owner": owner, "key": key, "version": 1, "status": "new"}
        self.changed(name)
        return self.status, self.things[name]

    def kill(self) -> None:
        """Gone, and its things are kept."""

    def start(self) -> None:
        self.asks("start", "")

    def until_ready(self) -> None:
        self.asks("GET", self.ready_path)


@dataclass
class Watched:
    """What a relay tells of the calls that come through it; `state` is what it was told to do with them."""

    seen: list[Call] = field(default_factory=list)
    state: str = "open"

    def call(self, path: str, key: str = "") -> None:
        if self.state != "shut":
            self.seen.append(Call(len(self.seen), 0.0, 0.0, "GET", path, (), key=key))

    def calls(self) -> list[Call]:
        return list(self.seen)

    def clear(self) -> None:
        self.seen.clear()

    def shut(self) -> None:
        self.state = "shut"

    def reopen(self) -> None:
        self.state = "open"

    def everything(self, fault: Fault | None) -> None:
        self.state = fault.kind if fault else "open"

    def script(self, key: str, *faults: Fault, always: bool = False) -> None:
        """Nobody is disturbed here."""

    def release(self) -> None:
        """Nobody is held here."""


def move(service: Side, monolith: Side | None = None) -> Move:
    return Move(service, monolith or Side(), MOVING)  # type: ignore[arg-type]  # the part of a Service that is used


def following(position: int = 7) -> dict[str, Any]:
    return {"state": "following", "position": position, "copied": 3}


def test_a_service_that_has_followed_to_the_end_is_not_waited_for():
    assert move(Side(progress=following())).followed(0.2) == following()


@pytest.mark.parametrize("progress", [following(6), {"state": "copying", "position": 7, "copied": 3}])
def test_a_backfill_that_never_ends_is_told_once_its_time_is_over(progress):
    with pytest.raises(Failure, match=r"0\.2 s later the service has not followed the feed to its end") as found:
        move(Side(progress=progress)).followed(0.2)
    assert found.value.expected == "state 'following', position 7"


@pytest.mark.parametrize("progress", [[], {}, {"state": "following"}, {**following(), "position": "7"}, None])
def test_a_service_that_does_not_say_how_far_it_is_is_told_so(progress):
    with pytest.raises(Failure, match="GET /backfill does not tell how far it is"):
        move(Side(progress=progress)).caught_up(0.2)


def test_what_the_monolith_does_not_do_is_our_fault_and_what_the_service_does_not_is_not():
    broken = Side(status=500)
    with pytest.raises(StageError, match="POST /owners answered 500"):
        move(Side(), broken).owner()
    both = move(broken, broken)
    with pytest.raises(StageError):
        both.thing(both.monolith, "K-1")
    with pytest.raises(Failure, match="POST /owners/K-1/things answered 500"):
        move(broken).thing(move(broken).service, "K-1")


def stood(monkeypatch: pytest.MonkeyPatch, lasted: float) -> None:
    """From now on this machine stood still for so long, whatever goes on."""

    class Stood:
        explained, seconds = 2 * lasted, lasted

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing to settle."""

    for module in (moving, moved_keys):
        monkeypatch.setattr(module, "Stalls", Stood)


@pytest.mark.parametrize(
    ("seconds", "status", "outcome"), [(2.0, 503, Inconclusive), (0.0, 503, Failure), (2.0, 404, Failure)]
)
def test_what_fails_while_the_machine_stands_still_cannot_be_judged(monkeypatch, seconds, status, outcome):
    """The service's own limit for its call of the monolith may be over; a 404 comes from no stall."""
    stood(monkeypatch, seconds)
    failing = move(Side(status=status))
    with pytest.raises(outcome):
        failing.thing(failing.service, "K-1")
    if outcome is Inconclusive:
        with pytest.raises(Inconclusive):
            moving.asked(failing.service, MOVING.creation("K-1", "k"))


@pytest.mark.parametrize(("seconds", "outcome"), [(2.0, Inconclusive), (0.0, Failure)])
def test_a_volley_that_made_nothing_while_the_machine_stood_still_cannot_be_judged(monkeypatch, seconds, outcome):
    stood(monkeypatch, seconds)
    relay: Any = Watched()
    with pytest.raises(outcome):
        moved_keys.expect_done_once(move(Side(status=503)), relay)


def test_a_key_that_makes_a_second_thing_is_found_out():
    right = Side(progress=following())
    both = move(right)
    first = both.thing(both.service, "K-1", "k")
    moved_keys._expect_same(both.service.send(MOVING.creation("K-1", "k")), first["id"], "a repeated key")
    moved_keys.expect_only(both, "K-1", first["id"])
    wrong = move(Side(fixed=False))
    first = wrong.thing(wrong.service, "K-1", "k")
    with pytest.raises(Failure, match="a repeated key answered 201"):
        moved_keys._expect_same(wrong.service.send(MOVING.creation("K-1", "k")), first["id"], "a repeated key")
    with pytest.raises(Failure, match="the owner has 2 things"):
        moved_keys.expect_only(wrong, "K-1", first["id"])


def test_work_knows_what_happened_from_the_service_page_by_page():
    side = Side()
    work = Work(move(side), TELLING, ["K-1"])
    work.lane("K-1", times=130)
    happened = work.happened()
    assert len(work.acknowledged) == 130
    assert {change.type for change in happened} == {"thing.made.v1", "thing.confirmed.v1"}
    assert len(happened) == 260


def test_what_was_acknowledged_and_is_gone_or_older_is_lost():
    side = Side()
    work = Work(move(side), TELLING, ["K-1"])
    work.lane("K-1", times=2)
    first, second = side.things
    side.things[first]["version"] = 1
    with pytest.raises(Failure, match="what was acknowledged is not there any more as it was acknowledged"):
        work.happened()
    side.things[first]["version"] = 2
    del side.things[second]
    with pytest.raises(Failure, match="what was acknowledged is not there"):
        work.happened()


def test_a_write_whose_answer_was_lost_may_have_happened():
    side = Side()
    work = Work(move(side), TELLING, ["K-1"])
    move(side).thing(side, "K-1")  # type: ignore[arg-type]
    assert work.acknowledged == {}
    assert [str(change) for change in work.happened()] == ["thing.made.v1 of 0000000000000000, sequence 1"]
    assert moved_work.PAGE == ownership.PAGE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda things: things.pop("1"), "things are missing"),
        (
            lambda things: things.update({"3": things["1"] | {"id": "3"}}),
            "there are things that the monolith does not have",
        ),
        (lambda things: things["1"].update(version=1), "things are in another state than at the monolith"),
        (lambda things: things["1"].update(note="x"), "things are in another sequence, or say something else"),
    ],
)
def test_a_copy_that_is_not_whole_is_told_in_which_way(change, says):
    seed = {name: {"id": name, "owner": "A", "version": 2} for name in ("1", "2")}
    service, monolith = Side(json.loads(json.dumps(seed))), Side(seed)
    both = move(service, monolith)
    ownership.expect_whole(both, Evidence(), "afterwards", ["A"])
    change(service.things)
    with pytest.raises(Failure, match="afterwards the service does not have what the monolith has") as found:
        ownership.expect_whole(both, Evidence(), "afterwards", ["A"])
    assert says in found.value.received


def test_a_service_has_copied_as_many_as_the_feed_tells_of(monkeypatch):
    both = move(Side(progress=following()))
    monkeypatch.setattr(ownership, "everything", lambda move: {name: {"owner": "K-1"} for name in "ab"})
    ownership.expect_repeatable(both, Evidence())
    monkeypatch.setattr(ownership, "everything", lambda move: {name: {"owner": "K-1"} for name in "abcd"})
    with pytest.raises(Failure, match="says that it has 3 things, and the feed tells of 4"):
        ownership.expect_repeatable(both, Evidence())


@pytest.mark.parametrize("over", [False, True], ids=["keeps", "copies over"])
def test_a_backfill_that_is_begun_again_keeps_what_the_service_has_done(over):
    """Of one database here, in which a start brings back what the monolith had."""
    things: dict[str, dict[str, Any]] = {}

    def asks(method: str, path: str) -> None:
        if over and method == "start":
            things.update({name: thing | {"version": 1} for name, thing in things.items()})

    both = move(Side(things, progress=following(), asks=asks, numbers=True), Side(things, numbers=True))
    if not over:
        ownership.expect_continues(both, Evidence())
    else:
        with pytest.raises(Failure, match="puts what the service has changed back"):
            ownership.expect_continues(both, Evidence())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"id": "other", "status": "new", "version": 1}, "another thing"),
        ([], "no thing"),
        ({"id": 3, "status": "new", "version": 1}, "no thing"),
        ({"id": "this", "status": None, "version": 1}, "no thing"),
    ],
)
def test_a_read_is_answered_with_what_was_asked_for(body, told):
    """A hard-coded answer is none, and one that cannot be read is no fault of ours."""
    request = Request("GET", "/owners/A/things/this")
    expect_this(answered(request, 200, {"id": "this", "status": "new", "version": 1, "more": []}), "this")
    with pytest.raises(Failure, match=told):
        expect_this(answered(request, 200, body), "this")


@pytest.mark.parametrize(
    "body", [[], {}, {"things": None}, {"things": [7]}, {"things": [{"id": "a", "status": "new"}]}]
)
def test_a_list_that_is_none_is_the_services_failure(body):
    with pytest.raises(Failure, match="no list of things"):
        things_of(answered(Request("GET", "/owners/A/things"), 200, body), "things")


OWNERS_FEED = f"{MOVING.changes}?after=0"


def is_read(method: str, path: str) -> bool:
    return method == "GET" and path.startswith("/owners/")


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        (lambda relay: lambda method, path: None, None),
        (lambda relay: lambda method, path: relay.state == "open" and relay.call(OWNERS_FEED), None),
        (lambda relay: lambda method, path: is_read(method, path) and relay.call(OWNERS_FEED), "led to a call"),
        (lambda relay: lambda method, path: path.endswith("/things") and relay.call(OWNERS_FEED), "led to a call"),
        (
            lambda relay: lambda method, path: is_read(method, path) and relay.call("/internal/owners/K", path[8:18]),
            "led to a call",
        ),
        (lambda relay: lambda method, path: is_read(method, path) and relay.call(path), "beside the seam"),
        (
            lambda relay: lambda method, path: path.endswith(ownership.UNKNOWN) and relay.call(path),
            "beside the seam",
        ),
    ],
    ids=[
        "none",
        "follows all the time",
        "the feed first",
        "the feed for lists",
        "the owner first",
        "the thing first",
        "what it has not",
    ],
)
def test_reads_that_ask_the_monolith_are_found_out_and_following_the_feed_is_none(asks, says):
    shared: dict[str, dict[str, Any]] = {}
    relay: Any = Watched()
    both = move(Side(shared, progress=following(), asks=asks(relay)), Side(shared))
    if says is None:
        ownership.expect_own_reads(both, relay, Evidence())
    else:
        with pytest.raises(Failure, match=says):
            ownership.expect_own_reads(both, relay, Evidence())


@pytest.mark.parametrize("mode", ["shadow", "mirror"])
def test_copies_of_reads_are_answered_without_the_monolith_too(mode):
    shared: dict[str, dict[str, Any]] = {}
    relay: Any = Watched()

    class Forwards(Side):
        def send(self, request: Request, **options: object) -> Exchange:
            if dict(request.headers).get("Rollout-Mode") == mode:
                relay.call(request.path)
            return super().send(request, **options)

    with pytest.raises(Failure, match="beside the seam"):
        ownership.expect_own_reads(move(Forwards(shared, progress=following()), Side(shared)), relay, Evidence())


def test_what_knows_nothing_of_what_it_was_not_told_answers_404():
    class Generous(Side):
        def send(self, request: Request, **options: object) -> Exchange:
            if request.path.endswith(ownership.UNKNOWN):
                return answered(request, 200, {"id": ownership.UNKNOWN, "status": "new", "version": 1})
            return super().send(request, **options)

    shared: dict[str, dict[str, Any]] = {}
    relay: Any = Watched()
    with pytest.raises(Failure, match="a read of what nobody has made answered 200"):
        ownership.expect_own_reads(move(Generous(shared, progress=following()), Side(shared)), relay, Evidence())


@pytest.mark.parametrize("when", ["start", "POST", "/livez", "/readyz", None])
def test_only_the_seam_is_asked_whatever_is_asked_of_the_service(when):
    shared: dict[str, dict[str, Any]] = {}
    relay: Any = Watched()

    def asks(method: str, path: str) -> None:
        if when in {method, path}:
            relay.call("/healthz")

    both = move(Side(shared, progress=following(), asks=asks), Side(shared))
    if when is None:
        ownership.expect_seam_only(both, relay, Evidence())
    else:
        with pytest.raises(Failure, match="the service uses the monolith beside the seam"):
            ownership.expect_seam_only(both, relay, Evidence())


class Rented(Side):
    """Tells one owner of what the same key has made for another."""

    def _make(self, request: Request, owner: str) -> tuple[int, Any]:
        key = dict(request.headers).get("Idempotency-Key")
        known = next((one for one in self.things.values() if key and one["key"] == key), None)
        if known is None or known["owner"] == owner:
            return super()._make(request, owner)
        return 201, known


def test_a_key_of_another_owner_makes_another_thing():
    right = Side(progress=following())
    moved_keys.expect_replayed(move(right))
    with pytest.raises(Failure, match="the owner has 0 things"):
        moved_keys.expect_replayed(move(Rented(progress=following())))
