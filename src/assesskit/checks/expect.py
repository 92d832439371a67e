"""What a grader test says: this must hold of the submission, or: we could not tell.

Anything else that a test raises counts as a fault of ours and costs nobody a point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assesskit.checks.exchange import Exchange


class Failure(AssertionError):  # noqa: N818  it is an outcome, not an error
    """The submission does not do what the criterion asks; the criterion is not met.

    The parts are the feedback a candidate reads: what happened in one line, what was `sent`, what was `received`, what
    was `expected`, and the `rule` (a standard and its section) where there is one. `exchange` joins the evidence.
    """

    def __init__(
        self,
        summary: str,
        *,
        sent: str = "",
        received: str = "",
        expected: str = "",
        rule: str = "",
        exchange: Exchange | None = None,
    ) -> None:
        self.summary = summary
        self.sent = sent
        self.received = received
        self.expected = expected
        self.rule = rule
        self.exchange = exchange
        super().__init__(summary)


class Inconclusive(Exception):  # noqa: N818  it is an outcome, not an error
    """We could not tell; the message is the reason. The criterion stays ungraded and costs no points."""


def expect(
    condition: bool,  # noqa: FBT001  it reads as a sentence: expect(answer.status == 201, "…")
    summary: str,
    *,
    sent: str = "",
    received: str = "",
    expected: str = "",
    rule: str = "",
    exchange: Exchange | None = None,
) -> None:
    """Raise Failure unless the condition holds. An exchange fills `sent` and `received` where they are not given."""
    if condition:
        return
    if exchange is not None:
        sent = sent or exchange.sent()
        received = received or exchange.received()
    raise Failure(summary, sent=sent, received=received, expected=expected, rule=rule, exchange=exchange)
