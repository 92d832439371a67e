"""Whether a service owns what it serves: copied once and whole, whatever is killed, and then read from nobody else.

What is there is asked through the API of both sides. A kill comes while an answer of the feed is held, just after it
went on, and a little later, so that it meets a page before, while and after it is stored.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import expect
from assesskit.checks.http import prepared
from assesskit.checks.intrusion import kept_away
from assesskit.checks.moving import OK, OWN, Move, expect_this, marked, thing_of
from assesskit.checks.stalls import Stalls
from assesskit.instruments.differences import Differ, Seen
from assesskit.instruments.faults import Fault
from assesskit.instruments.relay import Call, Relay

FEED_KEY = ""
"""The feed's path has no segment that the relay takes for a key."""
BACKLOG = 20
"""Things made between two kills, for each owner."""
AFTER = (None, 0.002, 0.0, 0.006, 0.004, 0.01, 0.015, 0.008, 0.04, 0.025)
"""Kills of a backfill: while the page is held, and so many seconds after it went on; two of each pile."""
HOLD = 2.0
SERVED_WITHIN = 5.0
MODES = ("live", "shadow", "mirror")
READS = 12
TIMES = 4
"""Reads of each kind while the monolith answers nothing."""
UNKNOWN = "f" * 16
"""The id of a thing that nobody has made."""
MISSING = 404
PAGE = 100


def everything(move: Move) -> dict[str, Mapping[str, Any]]:
    """What the monolith's feed says there is: the newest state of each thing, by id."""
    newest: dict[str, Mapping[str, Any]] = {}
    after = 0
    while True:
        page = move.told("GET", f"{move.moving.changes}?after={after}").json()["changes"]
        if not page:
            return newest
        for change in page:
            (thing,) = (value for key, value in change.items() if key != "seq")
            newest[thing["id"]] = thing
        after = page[-1]["seq"]


def expect_whole(move: Move, evidence: Evidence, when: str, mine: Sequence[str] = ()) -> None:
    """Everything of the feed is at the service, as the monolith tells it, and nothing is there twice.

    Of the owners that checks have made it looks at `mine` alone: what others have is the service's by now.
    """
    everybody = {str(thing[move.moving.owned_by]) for thing in everything(move).values()}
    owners = sorted({*mine, *(owner for owner in everybody if not owner.startswith(OWN))})
    differ = Differ(move.moving.headers)
    wrong: dict[str, str] = {}
    compared = 0
    for owner in owners:
        for page in itertools.count(1):
            path = f"{move.moving.path(owner)}?limit={PAGE}&page={page}"
            ours, theirs = move.service.send(prepared("GET", path)), move.told("GET", path)
            answer = ours.answered()
            listed = theirs.json()[move.moving.listed]
            compared += len(listed)
            found = differ.differences(_seen(theirs), _seen(answer))
            if found:
                first = f"{path}: {found[0].place} is {found[0].service}, the monolith says {found[0].monolith}"
                wrong.setdefault(_apart(answer.json(), listed, move.moving.listed), first)
            if len(listed) < PAGE:
                break
    evidence.figure(f"Things compared {when}", compared, "things")
    if wrong:
        evidence.note("The first of each that differs", "\n".join(wrong.values()))
    expect(
        not wrong,
        f"{when} the service does not have what the monolith has",
        sent="the list of every owner that has something, at both sides",
        received="\n".join(sorted(wrong)),
        expected="the same things in the same state, ids and times included",
    )


def _apart(answer: Any, theirs: Sequence[Mapping[str, Any]], listed: str) -> str:
    """In which way a list is not the monolith's."""
    told = answer.get(listed) if isinstance(answer, dict) else None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        return "a list that is none"
    ours = {one.get("id"): one.get("version") for one in told}
    there = {one["id"]: one["version"] for one in theirs}
    if there.keys() - ours.keys():
        return "things are missing"
    if ours.keys() - there.keys() or len(told) > len(theirs):
        return "there are things that the monolith does not have, or some twice"
    if any(ours[name] != version for name, version in there.items()):
        return "things are in another state than at the monolith"
    return "things are in another sequence, or say something else"


def _seen(answer: Any) -> Seen:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Seen(answer.status, headers, answer.body)


def expect_repeatable(move: Move, evidence: Evidence) -> None:
    """Begun again when it is through, a backfill changes nothing."""
    before = move.followed()
    after = move.followed()
    evidence.note("what the service said", f"{before}\n{after}")
    there = len(everything(move))
    expect(
        before["copied"] >= there,
        f"the service says that it has {before['copied']} things, and the feed tells of {there}",
        sent=f"GET {move.moving.backfill}",
        received=f"{before}",
        expected="as many as it has",
    )
    expect(
        after["copied"] == before["copied"],
        f"begun again, the backfill tells of {after['copied']} things where there were {before['copied']}",
        sent=f"POST {move.moving.backfill}, twice",
        expected="as many as before",
    )
    expect_whole(move, evidence, "after it was begun again")


def expect_resumed(move: Move, relay: Relay, evidence: Evidence) -> None:
    """Killed at several moments while it copies what has piled up, the service ends up with all of it.

    What has piled up are new things and new states of things that it knows; each is there afterwards, once.
    """
    move.followed()
    owners = [move.owner() for _ in range(4)]
    known = {owner: move.thing(move.monolith, owner)["id"] for owner in owners}
    move.service.kill()
    for number, pauses in enumerate(zip(AFTER[::2], AFTER[1::2], strict=True)):
        for owner in owners:
            for _ in range(BACKLOG):
                made = move.thing(move.monolith, owner)
                if number % 2:
                    move.stepped(move.monolith, owner, made["id"], move.moving.first_step)
            if number == 1:
                move.stepped(move.monolith, owner, known[owner], move.moving.first_step)
        for pause in pauses:
            _killed(move, relay, pause)
    move.service.start()
    move.service.until_ready()
    told = move.followed()
    evidence.note("after the last start", f"{told}")
    expect_whole(move, evidence, f"killed {len(AFTER)} times while it copied", owners)


def _killed(move: Move, relay: Relay, pause: float | None) -> None:
    """Start it, let it ask the feed, and kill it while the answer is held, or `pause` seconds after that went on."""
    relay.script(FEED_KEY, Fault.late(), always=True)
    move.service.start()
    move.service.until_ready()
    move.begin()
    held = relay.waiting(FEED_KEY, timeout=HOLD)
    if held and pause is not None:
        relay.reset()
        time.sleep(pause)
    move.service.kill()
    relay.reset()


def expect_own_reads(move: Move, relay: Relay, evidence: Evidence) -> None:
    """Reads are answered without the monolith, and copies of them: not a call for them, and the same answers while it
    is away, or takes calls and answers none.
    """
    move.followed()
    owner = move.owner()
    things = [move.thing(move.monolith, owner) for _ in range(READS // 2)]
    move.caught_up()
    modes = itertools.cycle(MODES)
    reads = [move.moving.reading(owner, thing["id"], mode=mode) for thing, mode in zip(things, modes, strict=False)]
    reads += [move.moving.reading(owner, mode=next(modes)) for _ in range(READS - len(reads))]
    unknown = move.moving.reading(owner, UNKNOWN)
    relay.clear()
    with kept_away(move.service, move.monolith):
        before = [_read(move, read, OK, "while all is well") for read in reads]
        for read, thing in zip(before, things, strict=False):
            expect_this(read, thing["id"])
        before.append(_read(move, unknown, MISSING, "while all is well"))
    _expect_seam(move, relay, evidence)
    _expect_no_call([call for call in relay.calls() if call.key == owner])
    relay.shut()
    try:
        for first in before:
            _expect_same(move, first, "while the monolith was away")
    finally:
        relay.reopen()
    relay.everything(Fault.hang())
    try:
        for alike in (before[: len(things)], before[len(things) : -1], before[-1:]):
            _expect_not_for_each(move, relay, alike)
    finally:
        relay.everything(None)
        relay.release()


def _expect_not_for_each(move: Move, relay: Relay, alike: Sequence[Exchange]) -> None:
    """Reads of one kind are answered the same while the monolith answers nothing, and it is not called for each. Who
    follows the feed asks it all the time, so that one call or another meanwhile is none for a read.
    """
    asked = []
    for first in itertools.islice(itertools.cycle(alike), TIMES):
        relay.clear()
        _expect_same(move, first, "while the monolith answered nothing")
        asked.append(relay.calls())
    if all(asked):
        _expect_no_call([calls[0] for calls in asked])


def _expect_no_call(calls: Sequence[Call]) -> None:
    expect(
        not calls,
        "a read of the service led to a call of the monolith",
        received="\n".join(dict.fromkeys(f"{call.method} {call.path.partition('?')[0]}" for call in calls)),
        expected="an answer from the service's own data",
    )


def expect_seam_only(move: Move, relay: Relay, evidence: Evidence) -> None:
    """What the service asks the monolith for is the seam, and nothing else: from its start on, while it copies, makes
    things and takes them on, and whatever it is asked.
    """
    move.followed()
    owner, key = move.owner(), marked()
    move.service.kill()
    move.thing(move.monolith, owner)
    relay.clear()
    with kept_away(move.service, move.monolith):
        move.service.start()
        move.service.until_ready()
        move.followed()
        made = move.thing(move.service, owner, key)
        for step in list(move.moving.steps)[:2]:
            move.stepped(move.service, owner, made["id"], step)
        move.service.send(move.moving.creation(owner, key))
        move.service.send(move.moving.creation(owner, marked(), mode="mirror"))
        move.service.send(move.moving.step(owner, made["id"], move.moving.first_step, mode="mirror"))
        for path in ("/livez", move.service.ready_path, move.moving.path(owner), move.moving.path(owner, made["id"])):
            move.service.send(prepared("GET", path))
    _expect_seam(move, relay, evidence)


def _expect_seam(move: Move, relay: Relay, evidence: Evidence) -> None:
    calls = relay.calls()
    evidence.relay("calls to the monolith", calls[-20:])
    allowed = (move.moving.asked, move.moving.changes)
    other = [call for call in calls if not call.path.startswith(allowed)]
    expect(
        not other,
        "the service uses the monolith beside the seam",
        received="\n".join(sorted({f"{call.method} {call.path}" for call in other})[:10]),
        expected=f"{move.moving.asked}… and {move.moving.changes}, and nothing else of the monolith",
    )


def _read(move: Move, request: Request, wanted: int, when: str) -> Exchange:
    """A read that is answered as it has to be. Raises Failure, or Inconclusive where this machine was too slow."""
    with Stalls() as stalls:
        exchange = move.service.send(request, deadline=SERVED_WITHIN)
    status = exchange.response.status if exchange.response else None
    what = "what was copied" if wanted == OK else "what nobody has made"
    told = f"{when} a read of {what} {f'answered {status}' if status else f'failed ({exchange.error})'}"
    expected = f"{wanted}, from the service's own data"
    if exchange.response is None:
        stalls.expect_within(exchange.seconds, SERVED_WITHIN, told, expected=expected, exchange=exchange)
    expect(status == wanted, told, expected=expected, exchange=exchange)
    return exchange


def _expect_same(move: Move, first: Exchange, when: str) -> None:
    """A read is answered as it was before; the words of an error are free."""
    answer = first.answered()
    again = _read(move, first.request, answer.status, when)
    same = answer.status != OK or again.answered().body == answer.body
    expect(same, f"a read is answered otherwise {when}", expected="the same", exchange=again)


def expect_continues(move: Move, evidence: Evidence) -> None:
    """A thing that the monolith made is taken on by the service, and numbers go on where the monolith was. What the
    service did to it stays, when it is killed and the backfill begins again.
    """
    move.followed()
    owner = move.owner()
    first, second = (move.thing(move.monolith, owner) for _ in range(2))
    numbered = move.stepped(move.monolith, owner, first["id"], move.moving.first_step)
    move.caught_up()
    taken = move.stepped(move.service, owner, second["id"], move.moving.first_step)
    evidence.note("what each side answered", f"{numbered}\n{taken}")
    theirs, ours = (str(each.get("number")) for each in (numbered, taken))
    expect(
        ours == theirs[:-1] + str(int(theirs[-1]) + 1),
        f"the first number after {theirs} of the monolith is {ours}",
        sent="two things of a new owner, one taken on at the monolith, the other then at the service",
        expected="the next one of that owner",
    )
    read = move.moving.reading(owner, second["id"])
    there = thing_of(move.service.send(read))["version"]
    move.service.kill()
    move.service.start()
    move.service.until_ready()
    move.followed()
    kept = move.service.send(read)
    expect(
        thing_of(kept)["version"] == there,
        "a backfill that is begun again puts what the service has changed back to what the monolith has",
        sent=f"a thing of the monolith, taken on at the service; kill -9, POST {move.moving.backfill}, a read",
        expected="the newest state there is, as it was read before",
        exchange=kept,
    )
