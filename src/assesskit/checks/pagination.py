"""Pages that a cursor leads through: newest first, none repeated, none left out, while others are made in between.

One of the things is cancelled before: it exists as before, where it was. Another caller than the one that made them
pages, since it depends on the scope alone who sees what.

A page may hold fewer things than asked for, and the order of things made at the same time is open: of those we made at
once, and of those that the service itself gives the same time, which may be a whole second. All is judged by what a
caller needs, never by how the cursor is built.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from assesskit.checks.contract_limits import page_limits
from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.http import Client, prepared
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

AT_ONCE = 4
"""Things made at the same moment, so that some have the same time."""
COARSEST = 1.0
"""Seconds between two moments for which a service may give one time."""
SPARE = 3
"""Things more than a page holds by default, and pages more than the things made need."""
MOST_PAGES = 200
"""Pages of the largest size that are read to find the last one."""
MADE_UP = ("made-up-cursor", "bm8tc3VjaC1wYWdl", "x" * 40)
"""Well-formed, and handed out by nobody; a service for which one of them happens to make sense may answer it."""


@dataclass(frozen=True)
class Span:
    """When a thing was asked for and when that was answered, in seconds of one clock: it was made in between."""

    asked: float
    answered: float


@dataclass(frozen=True)
class Page:
    """The ids on one page, with their times, the cursor of the next, and the exchange that brought them."""

    ids: tuple[str, ...]
    times: Mapping[str, str]
    following: str | None
    exchange: Exchange


def pages_are_stable(client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
    """Make more things than a page holds, then page through them in several ways. Raises Failure at the first flaw."""
    _Paging(client, tokens, contract, resource).judge()


class _Paging:
    def __init__(self, client: Client, tokens: Tokens, contract: dict[str, Any], resource: Resource) -> None:
        self._client = client
        self._bearer = tokens.bearer()
        self._reader = tokens.bearer(subject="another-caller")
        """Whoever may read sees everything."""
        self._limits = page_limits(contract, resource)
        self._resource = resource
        self._things = resource.path.rpartition("/")[2]
        self._made: dict[str, Span] = {}
        """The ids of what exists before paging begins; the first is cancelled."""

    def judge(self) -> None:
        """Every way of paging in turn."""
        self._make_some()
        self._cancel(next(iter(self._made)))
        self._one_by_one()
        self._to_the_end()
        self._page(None, {}, self._limits.default)
        self._made_up()

    def _make_some(self) -> None:
        """Some at a time; those that come first long enough before the others that no service takes them for one.

        The same goes for what is made while paging: by a clock of whole seconds it could stand anywhere among the rest.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for number in range((self._limits.default + SPARE) // AT_ONCE + 1):
                self._made |= dict(pool.map(lambda _: self._timed(), range(AT_ONCE)))
                if number == 0:
                    time.sleep(COARSEST)
        time.sleep(COARSEST)

    def _timed(self) -> tuple[str, Span]:
        asked = time.monotonic()
        return self._make(), Span(asked, time.monotonic())

    def _cancel(self, item: str) -> None:
        """Whether it can be cancelled, and how that is answered, is judged elsewhere."""
        path = self._resource.cancel_path(item)
        self._client.send(prepared("POST", path, headers=self._bearer | {"If-Match": "*"}))

    def _make(self) -> str:
        return self._resource.existing(self._client, self._bearer)[0]

    def _one_by_one(self) -> None:
        """Pages of one, and something is made between every two of them: all page limits, all ties, all moves show."""
        met: dict[str, str] = {}
        pages = self._pages({"limit": "1"}, 1, self._make)
        for _, page in zip(range(len(self._made) + AT_ONCE * SPARE), pages, strict=False):
            met |= page.times
            if self._made.keys() <= met.keys():
                break
        self._expect_all(met, "with limit=1, while others were being made,")

    def _to_the_end(self) -> None:
        """Pages as large as they may be, to the last."""
        largest = self._limits.largest
        met: dict[str, str] = {}
        for number, page in enumerate(self._pages({"limit": str(largest)}, largest, lambda: None)):
            met |= page.times
            if number == MOST_PAGES:
                raise Inconclusive(f"there are more than {MOST_PAGES} pages")
        self._expect_all(met, f"with limit={largest} to the last page")

    def _pages(self, query: Mapping[str, str], most: int, between: Callable[[], object]) -> Iterator[Page]:
        """Page after page as next_cursor leads. Raises Failure when it leads in a circle, or nowhere."""
        met: set[str] = set()
        page = self._page(None, query, most)
        while True:
            again = [one for one in page.ids if one in met]
            met |= set(page.ids)
            self._expect(not again and len(set(page.ids)) == len(page.ids), page, "repeats what came before")
            yield page
            if page.following is None:
                return
            between()
            empty = not page.ids
            page = self._page(page.following, query, most)
            self._expect(bool(page.ids) or not empty, page, "is empty as the one before, and there is no last one")

    def _page(self, cursor: str | None, query: Mapping[str, str], most: int) -> Page:
        asked = {**query, **({"cursor": cursor} if cursor is not None else {})}
        path = self._resource.path + (f"?{urlencode(asked)}" if asked else "")
        exchange = self._client.send(prepared("GET", path, headers=self._reader))
        answer = exchange.answered()
        body = answer.json() if answer.status == 200 else None  # noqa: PLR2004
        items, following = (body.get("items"), body.get("next_cursor")) if isinstance(body, dict) else (None, None)
        sound = isinstance(items, list) and all(isinstance(item, dict) for item in items)
        expect(
            sound and isinstance(following, str | None),
            f"GET {path.partition('?')[0]} with {_told(asked, cursor)} answered {answer.status} and no page",
            expected="200 with items and next_cursor, which is a string or null",
            exchange=exchange,
        )
        times = {str(item.get("id")): str(item.get(self._resource.created)) for item in items or ()}
        page = Page(tuple(str(item.get("id")) for item in items or ()), times, following, exchange)
        self._expect(len(page.ids) <= most, page, f"holds {len(page.ids)} {self._things}", f"at most {most}")
        return page

    def _expect_all(self, met: Mapping[str, str], how: str) -> None:
        """Everything that existed was met, in its order; `met` has the time of each, in the order it was met."""
        moments = [(self._made[one], when) for one, when in met.items() if one in self._made]
        told = f"paging through the {self._things} {how}"
        sent = f"GET {self._resource.path}, then again with cursor={{next_cursor}}, page by page"
        every = f"each of the {self._things} that existed when paging began"
        expected = f"{every}, whoever made them, once, the newest first"
        if any(_before(*one, *other) for one, other in itertools.combinations(moments, 2)):
            raise Failure(f"{told} did not lead from the newest to the oldest", sent=sent, expected=expected)
        if len(moments) < len(self._made):
            raise Failure(f"{told} left out some that existed when it began", sent=sent, expected=expected)

    def _made_up(self) -> None:
        statuses = []
        for cursor in MADE_UP:
            path = f"{self._resource.path}?{urlencode({'cursor': cursor})}"
            exchange = self._client.send(prepared("GET", path, headers=self._reader))
            statuses.append(exchange.answered().status)
            expect(
                statuses[-1] in (200, 400),
                f"a cursor that this service did not hand out was answered with {statuses[-1]}",
                expected="400 as application/problem+json",
                rule="RFC 9110 section 15.5.1",
                exchange=exchange,
            )
        expect(
            400 in statuses,  # noqa: PLR2004
            "every cursor was taken for one of the service's own, whatever it was",
            expected="400 for a cursor that this service did not hand out",
            rule="RFC 9110 section 15.5.1",
            exchange=exchange,
        )

    def _expect(self, condition: bool, page: Page, what: str, expected: str = "") -> None:  # noqa: FBT001  as in expect
        path = page.exchange.request.path
        begun = "a later page" if "cursor=" in path else "the first page"
        expect(
            condition,
            f"{begun} of GET {self._resource.path} {what}",
            expected=expected or f"each of the {self._things} on one page only, and next_cursor null on the last",
            exchange=page.exchange,
        )


def _before(first: Span, told: str, later: Span, later_told: str) -> bool:
    """Whether a thing that was met first was made before the one that was met later, and not at the same time."""
    between = later.asked - first.answered
    return between > 0 and (told != later_told or between > COARSEST)


def _told(asked: Mapping[str, str], cursor: str | None) -> str:
    given = [f"{name}={value}" for name, value in asked.items() if name != "cursor"]
    return " and ".join([*given, *(["the next_cursor of the page before"] if cursor else [])]) or "no parameters"
