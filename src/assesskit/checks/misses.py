"""What several requests of one check came to when each is judged by itself: all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assesskit.checks.exchange import Exchange
from assesskit.checks.expect import Failure

SHOWN, LISTED = 4, 15
"""Misses whose exchange is quoted in full, and those that get a line."""


@dataclass(frozen=True)
class Miss:
    """One request that did not get what it should: what it was, what came instead, what was `expected`, and why."""

    name: str
    exchange: Exchange
    reason: str
    expected: str
    rule: str


def tell(misses: Sequence[Miss], what: str = "", *, rule: str = "") -> None:
    """Raise Failure with a line for each miss and the first few in full; do nothing when there is none.

    `what` goes on from "2 of", as in "14 error answers are not as the contract says"; left out where nobody counts.
    """
    if not misses:
        return
    first, shown = misses[0], misses[:SHOWN]
    listed = misses[:LISTED]
    more = [f"and {len(misses) - LISTED} more"] if len(misses) > LISTED else []
    lines = [*(f"{miss.name}: {miss.reason}" for miss in listed), *more]
    received = [f"[{miss.name}]\n{miss.exchange.received()}" for miss in shown]
    told = f"{first.name}: {first.reason}"
    others = f" (and {len(misses) - 1} more)" if len(misses) > 1 else ""
    raise Failure(
        f"{len(misses)} of {what}, first {told}" if what else f"{told}{others}",
        sent="\n\n".join(f"[{miss.name}]\n{miss.exchange.sent()}" for miss in shown),
        received="\n\n".join(["\n".join(lines), *received]),
        expected="\n".join(f"{miss.name}: {miss.expected}" for miss in listed),
        rule="; ".join(filter(None, dict.fromkeys([rule, *(miss.rule for miss in misses)]))),
        exchange=first.exchange,
    )


def status_told(exchange: Exchange) -> str:
    """What an exchange came to in a few words: its status, or why there was no answer."""
    return str(exchange.response.status) if exchange.response else exchange.error
