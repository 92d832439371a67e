"""What a relay can do to a call. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["delay", "hang", "late", "refuse", "reset", "status", "slow_body", "truncate", "wrong_type", "malformed"]


@dataclass(frozen=True)
class Fault:
    """One disturbance of one call; made by the methods below, never by hand.

    `seconds` None means until the relay is told to let go. `forward` says whether the target sees the call at all.
    """

    kind: Kind
    forward: bool = True
    seconds: float | None = None
    code: int = 0
    retry_after: str | None = None
    content_type: str = ""

    @classmethod
    def delay(cls, seconds: float) -> Fault:
        """Hold the call for `seconds`, then forward it."""
        return cls("delay", seconds=seconds)

    @classmethod
    def hang(cls) -> Fault:
        """Hold the call until `release` or `reset` of the relay, then forward it if its client is still there."""
        return cls("hang")

    @classmethod
    def late(cls, seconds: float | None = None) -> Fault:
        """Forward the call at once, and hold its valid answer for `seconds` (None: until released)."""
        return cls("late", seconds=seconds)

    @classmethod
    def refuse(cls) -> Fault:
        """Take the call and close its connection without a byte, as a server does that goes away. The target does not
        see the call. A connection is refused by `Relay.shut`.
        """
        return cls("refuse", forward=False)

    @classmethod
    def reset(cls, *, forward: bool = False) -> Fault:
        """Reset the connection. With `forward` the target does its work first: only the answer is lost."""
        return cls("reset", forward=forward)

    @classmethod
    def status(cls, code: int, *, retry_after: float | str | None = None) -> Fault:
        """Answer `code` with a problem document, and Retry-After if given. The target does not see the call."""
        return cls("status", forward=False, code=code, retry_after=None if retry_after is None else f"{retry_after}")

    @classmethod
    def slow_body(cls, seconds: float = 2.0) -> Fault:
        """Forward the call; send the head of the answer at once and its body drop by drop over `seconds`."""
        return cls("slow_body", seconds=seconds)

    @classmethod
    def truncate(cls) -> Fault:
        """Forward the call; announce the whole answer, send half of its body, and close."""
        return cls("truncate")

    @classmethod
    def wrong_type(cls, content_type: str = "text/html") -> Fault:
        """Forward the call; send the answer under another content type."""
        return cls("wrong_type", content_type=content_type)

    @classmethod
    def malformed(cls) -> Fault:
        """Forward the call; send the answer with a body that is complete but no valid JSON."""
        return cls("malformed")
