"""Conditional requests (RFC 9110 section 13): a reader who has the state already, and a writer who must not overwrite.

Only states of one thing and their entity tags are compared; how a tag is made is nobody's business. Where several
cancel the same state at once, the losers may get any error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import expect
from assesskit.checks.http import Client, Request, prepared
from assesskit.checks.idempotency import volley
from assesskit.checks.misses import Miss, status_told, tell
from assesskit.checks.resource import Resource
from assesskit.checks.tokens import Tokens

OTHER = '"no-such-state"'
STRONG = re.compile(r'"[^"]*"')
TAGS = "RFC 9110 section 8.8.3"
READING, WRITING = "RFC 9110 section 13.1.2", "RFC 9110 section 13.1.1"
RACES, AT_ONCE = 80, 8
"""Races for one state, and who takes part. Over a store in memory, which has nothing to wait for, a program that looks
before it writes loses one in four to ten of them (measured in pods), so a few would say nothing."""


def keeps_conditions(client: Client, tokens: Tokens, resource: Resource) -> None:
    """Read and cancel with every kind of condition. All are tried before Failure."""
    _Conditions(client, tokens, resource).judge()


class _Conditions:
    def __init__(self, client: Client, tokens: Tokens, resource: Resource) -> None:
        self._client = client
        self._bearer = tokens.bearer()
        self._resource = resource

    def judge(self) -> None:
        """Tags first: without them nothing else makes sense."""
        item, tag = self._tagged()
        tried = [*self._reads(item, tag), *self._cancels(), *self._change(item, tag)]
        tell([miss for miss in tried if miss], f"{len(tried)} conditional requests came out wrong")
        for _ in range(RACES):
            self._race()

    def _tagged(self) -> tuple[str, str]:
        """A new thing and its entity tag, which is strong and the same as long as nothing happens."""
        item, made = self._resource.existing(self._client, self._bearer)
        first, again = self._read(item), self._read(item)
        tag = first.answered().headers.get("etag") or ""
        expect(
            STRONG.fullmatch(tag) is not None,
            f"what was read came with the ETag {tag}" if tag else "what was read came without ETag",
            expected="a strong entity tag",
            rule=TAGS,
            exchange=first,
        )
        others = {"its creation": made.headers.get("etag"), "the next read": again.answered().headers.get("etag")}
        for answer, other in others.items():
            expect(
                other == tag,
                f"an unchanged state had one ETag when it was read, and another in the answer to {answer}",
                received=f"ETag: {tag}\nETag: {other}",
                expected="the same entity tag until the state changes",
                rule=TAGS,
                exchange=again,
            )
        return item, tag

    def _reads(self, item: str, tag: str) -> Iterator[Miss | None]:
        for name, value, wanted in (
            ("If-None-Match with the current tag", tag, 304),
            ("If-None-Match with a list that holds it", f'{OTHER}, {tag}, "another"', 304),
            ("If-None-Match with a list without spaces", f"{OTHER},{tag}", 304),
            ("If-None-Match with the weak form of it", f"W/{tag}", 304),
            ("If-None-Match with *", "*", 304),
            ("If-None-Match with another tag", OTHER, 200),
            ("If-None-Match with a list of others", f'{OTHER}, W/"x{tag[1:]}', 200),  # one that ends like the tag
        ):
            exchange = self._read(item, value)
            miss = _missed(name, exchange, wanted, READING)
            if miss is None and exchange.answered().headers.get("etag") != tag:
                reason = f"{wanted} came without the ETag of the state"
                miss = Miss(name, exchange, reason, f"{wanted} with ETag {tag}", "RFC 9110 section 15.4.5")
            yield miss

    def _cancels(self) -> Iterator[Miss | None]:
        """Each on something new, so that one that was let through by mistake spoils no other."""
        for name, wanted, form in (
            ("If-Match with another tag", 412, OTHER),
            ("If-Match with the weak form of the current tag", 412, "W/{tag}"),
            ("If-Match with a list of others", 412, OTHER + ', W/{tag}, "another"'),
            ("If-Match with *", 200, "*"),
            ("If-Match with a list that holds the current tag", 200, OTHER + ", {tag}"),
        ):
            item, made = self._resource.existing(self._client, self._bearer)
            value = form.format(tag=made.headers.get("etag") or "*")
            yield _missed(name, self._cancel(item, value), wanted, WRITING)

    def _change(self, item: str, tag: str) -> Iterator[Miss | None]:
        """After a change the old tag is worth nothing, to readers and to writers."""
        changed = self._cancel(item, tag)
        yield _missed("If-Match with the current tag", changed, 200, WRITING)
        if changed.response is not None and changed.response.status == HTTPStatus.OK:
            yield _missed("If-Match with the tag from before the change", self._cancel(item, tag), 412, WRITING)
            old = self._read(item, tag)
            yield _missed("If-None-Match with the tag from before the change", old, 200, READING)
            yield _stale(tag, changed, self._read(item))

    def _race(self) -> None:
        """Several cancel one state at the same moment: it can be theirs only once."""
        item, made = self._resource.existing(self._client, self._bearer)
        request = self._cancelling(item, made.headers.get("etag") or "*")
        exchanges = volley(self._client, [request] * AT_ONCE)
        won = [one for one in exchanges if one.answered().status == HTTPStatus.OK]
        told = "more than one" if won else "none"
        expect(
            len(won) == 1,
            f"{AT_ONCE} requests cancelled the same state at the same moment, and {told} of them succeeded",
            expected="200 for one of them; 412 or 409 for the others, whose If-Match no longer held",
            rule=WRITING,
            exchange=won[0] if won else exchanges[0],
        )

    def _read(self, item: str, tag: str | None = None) -> Exchange:
        headers = self._bearer | ({"If-None-Match": tag} if tag else {})
        return self._client.send(prepared("GET", self._resource.item_path(item), headers=headers))

    def _cancel(self, item: str, tag: str) -> Exchange:
        return self._client.send(self._cancelling(item, tag))

    def _cancelling(self, item: str, tag: str) -> Request:
        return prepared("POST", self._resource.cancel_path(item), headers=self._bearer | {"If-Match": tag})


def _stale(tag: str, changed: Exchange, read: Exchange) -> Miss | None:
    """What is wrong with the tag after a change: both answers have the same, and it is a new one."""
    name = "the ETag after a change"
    told = [one.response.headers.get("etag") if one.response else None for one in (changed, read)]
    if tag in told:
        return Miss(name, changed, f"it is {tag} as before", "another one", TAGS)
    reason = f"it is {told[0]} in the answer to the change, and {told[1]} when it is read"
    return Miss(name, read, reason, "the same in both", TAGS) if told[0] != told[1] else None


def _missed(name: str, exchange: Exchange, wanted: int, rule: str) -> Miss | None:
    if exchange.response is not None and exchange.response.status == wanted:
        return None
    return Miss(name, exchange, f"expected {wanted}, got {status_told(exchange)}", str(wanted), rule)
