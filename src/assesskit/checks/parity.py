"""Whether the service answers as the monolith does: request by request, side by side, on the same state.

The service is asked in `mirror` first, which changes nothing, then the monolith, which changes its own state; what it
changed reaches the service by the feed before anybody asks for that again. Ids that differ from those of a recording
are exchanged in the requests that follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assesskit.checks.days import undated
from assesskit.checks.drawn import leave_differences
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.moving import MODE, Move, failed, stood_still
from assesskit.checks.stalls import Stalls
from assesskit.checks.world import StageError
from assesskit.instruments.differences import Differ, Difference, Seen, covers
from assesskit.instruments.migration import Found
from assesskit.instruments.rollout_plan import Declared

CREATED = 201
TRIES = 3
SHOWN = 12
"""Differences that a feedback text lists."""
EACH = "(a value of its own)"
"""What stands for a value that each side makes by itself; that it is there, or null, is compared all the same."""
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[^0-9][0-9].*")


@dataclass(frozen=True)
class Wanted:
    """A request of a recording: what it was, and the id of the thing that it made then, if any."""

    request: Request
    made: str | None = None


@dataclass(frozen=True)
class Unlike:
    """A request that was answered otherwise, in one place; `reason` is the plan's where it declares that."""

    request: Request
    difference: Difference
    reason: str
    theirs: Exchange
    ours: Exchange

    @property
    def found(self) -> Found:
        """As the report draws it."""
        asked = f"{self.request.method} {self.request.path}"
        told = self.difference
        return Found(0, "mirror", asked, told.place, told.monolith, told.service, self.reason, played=False)


def wanted(exchanges: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """The requests of a recording, to be sent again; see `recording`."""
    found = []
    for exchange in exchanges:
        asked, answer = exchange["request"], exchange["answer"]
        body = (asked["body"] or "").encode()
        request = Request(asked["method"], asked["path"], tuple(asked["headers"].items()), body)
        found.append(Wanted(request, answer["body"]["id"] if answer["status"] == CREATED else None))
    return found


def expect_parity(move: Move, requests: Sequence[Wanted], told: Iterable[Declared], evidence: Evidence) -> None:
    """Every request is answered alike on both sides, but for what is declared. Raises Failure with all that is not."""
    unlike: list[Unlike] = []
    ids: dict[str, str] = {}
    touched: set[str] = set()
    for one in requests:
        request = _renamed(one.request, ids)
        thing = request.path.partition("?")[0]
        if touched and any(thing.startswith(each) for each in touched):
            move.caught_up()
            touched.clear()
        ours = _answered(move, _asked(request))
        theirs = move.monolith.send(request)
        if theirs.response is None:
            raise StageError(f"the monolith gave no answer: {theirs.error}")
        answer = theirs.response
        if one.made is not None and answer.status == CREATED:
            ids[one.made] = answer.json()["id"]
        if request.method != "GET":
            touched.add(move.moving.path(thing.split("/")[2]))
        unlike += [
            Unlike(request, difference, _reason(request, difference, told), theirs, ours)
            for difference in _differences(move, answer, ours)
        ]
    evidence.figure("Requests compared", len(requests), "requests")
    if unlike:
        leave_differences([one.found for one in unlike], "Answers beside the monolith's", evidence)
    _tell([one for one in unlike if not one.reason], len(requests))


def _answered(move: Move, request: Request) -> Exchange:
    """What the service answers to a copy. One that it fails while this machine stands still is asked again: its call of
    the monolith may have run out of time, and a copy leaves nothing behind. Raises Inconclusive when it never goes on.
    """
    for _ in range(TRIES):
        with Stalls() as stalls:
            exchange = move.service.send(request)
        if not failed(exchange) or not stood_still(stalls):
            return exchange
    raise Inconclusive(f"a request failed {TRIES} times, but this machine stood still each time")


def _asked(request: Request) -> Request:
    return Request(request.method, request.path, (*request.headers, (MODE, "mirror")), request.body)


def _renamed(request: Request, ids: Mapping[str, str]) -> Request:
    path = request.path
    for old, new in ids.items():
        path = path.replace(old, new)
    return Request(request.method, path, request.headers, request.body)


def _differences(move: Move, theirs: Response, ours: Exchange) -> tuple[Difference, ...]:
    if ours.response is None:
        return (Difference("status", str(theirs.status), ours.error),)
    names = {place.rpartition("/")[2] for place in move.moving.left_out}
    return Differ(move.moving.headers).differences(_seen(theirs, names), _seen(ours.response, names))


def _seen(answer: Response, names: set[str]) -> Seen:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        body = json.dumps(_plain(json.loads(answer.body), names)).encode()
    except (ValueError, RecursionError):
        body = answer.body
    return Seen(answer.status, headers, body)


def _plain(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _own(each) if key in names and isinstance(each, str) and each else _plain(each, names)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_plain(each, names) for each in value]
    return value


def _own(value: str) -> str:
    """What stands for a value that a side makes by itself: of a time its form is compared, since clients read it."""
    return f"(a time of its own, {re.sub(r'[0-9]', '#', value)})" if _TIME.fullmatch(value) else EACH


def _reason(request: Request, difference: Difference, told: Iterable[Declared]) -> str:
    """Why this difference is meant; empty when it is not."""
    about = f"{request.method} {request.path.partition('?')[0]}".split("/")
    for one in told:
        asked = one.request.split("/")
        fits = len(asked) == len(about) and all(step in ("*", other) for step, other in zip(asked, about, strict=True))
        if covers(one.place, difference.place) and (fits or not one.request):
            return one.reason
    return ""


def _tell(unlike: Sequence[Unlike], count: int) -> None:
    if not unlike:
        return
    lines = list(_lines(unlike))
    first = unlike[0]
    answered = len({id(one.ours) for one in unlike})
    are = "is" if answered == 1 else "are"
    raise Failure(
        f"{answered} of {count} requests {are} answered otherwise than by the monolith, first at"
        f" {_told(first.difference.place)}",
        sent=first.ours.sent(),
        received="\n".join([*lines[:SHOWN], *(["…"] if len(lines) > SHOWN else [])]),
        expected="the monolith's answers, but for ids and times of each side's own, error texts, and what is declared",
        exchange=first.ours,
    )


def _lines(unlike: Sequence[Unlike]) -> Iterator[str]:
    seen: set[str] = set()
    for one in unlike:
        place = _told(one.difference.place)
        if place not in seen:
            seen.add(place)
            told = f"{one.request.method} {one.request.path}: {one.difference.place or 'the body'}"
            yield undated(f"{told} is {one.difference.service}; the monolith says {one.difference.monolith}")


def _told(place: str) -> str:
    """A place without its numbers: what differs in one entry of a list differs in others."""
    return "/".join("*" if step.isdecimal() else step for step in place.split("/")) or "the body"
