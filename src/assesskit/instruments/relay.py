"""The relay: an HTTP proxy of ours on one edge of the pod. It records every call and disturbs those it is told to.

What it records is what the submission *did*; compare with the collector's spans, which are what it *says*.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from assesskit.instruments.faults import Fault
from assesskit.instruments.program import Program

__all__ = ["Call", "Fault", "Relay"]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Call:
    """One request that reached the relay, and what became of it.

    `at` is the wall clock (unix seconds), `began` and `ended` the monotonic clock in seconds (`ended` None: it still
    runs). `attempt` counts the calls of this `key` from 1, since the key was last scripted or the relay was reset.
    `status` is what the client was sent, `target_status` what the target answered, and `target_seconds` how long that
    took; None where there was no answer. Body excerpts are capped and decoded with replacement. `fault` is the kind of
    the fault played, `error` what went wrong.
    """

    number: int
    at: float
    began: float
    method: str
    path: str
    headers: Headers
    body: str = ""
    key: str = ""
    attempt: int = 0
    fault: str = ""
    target_status: int | None = None
    target_seconds: float | None = None
    status: int | None = None
    answer_headers: Headers = ()
    answer_body: str = ""
    ended: float | None = None
    error: str = ""

    @property
    def seconds(self) -> float | None:
        """How long the call took, None while it runs."""
        return None if self.ended is None else self.ended - self.began

    @property
    def done(self) -> bool:
        """Whether the target answered with 2xx itself, whatever became of the answer."""
        return self.target_status is not None and self.target_status // 100 == 2  # noqa: PLR2004  the success class

    def header(self, name: str) -> str | None:
        """Return the first value of a header that crossed, whatever its case, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Relay:
    """A running relay. Calls of one business key are disturbed by a script, attempt by attempt.

    Every method raises GraderError when the relay's own program fails.
    """

    def __init__(self, program: Program, name: str, port: int) -> None:
        self._program = program
        self.name = f"relay {name}"
        self.port = port

    @classmethod
    def start(cls, name: str, port: int, target: int, key: str) -> Relay:
        """Start the relay `name` on 127.0.0.1:`port` (0: a free one) before 127.0.0.1:`target`; it listens on return.

        `key` says where a call's business key is: ``json:/pointer`` in its body (RFC 6901), ``header:Name``, or
        ``path:N``, the N-th segment of its path from 1. A call without one has the key "".
        """
        module = "assesskit.instruments.relay_server"
        program, listens = Program.opened(module, f"relay {name}", port=port, target=target, key=key)
        return cls(program, name, listens)

    def script(self, key: str, *faults: Fault | None, attempt: int = 1, always: bool = False) -> None:
        """Play `faults` for the next calls of `key`, one each, starting at its attempt `attempt`; None is no fault.

        Attempts of the key count from 1 again. With `always` the last fault is played for every later attempt too. A
        new script replaces the key's old one.
        """
        plan = [_plain(fault) for fault in faults]
        self._program.ask("script", key=key, faults=plan, first=attempt, always=always)

    def everything(self, fault: Fault | None) -> None:
        """Play `fault` for every call whose key has no script; None ends it."""
        self._program.ask("everything", fault=_plain(fault))

    def shut(self) -> None:
        """Listen no more, as if nothing ran there: connections are refused, and those there are end. It records nothing
        until `reopen` or `reset`; the port stays the relay's.
        """
        self._program.ask("shut")

    def reopen(self) -> None:
        """Listen again."""
        self._program.ask("reopen")

    def release(self, key: str | None = None) -> int:
        """Let go of the calls that are held now (of one key, or all); return how many. Faults stay as they are."""
        released: int = self._program.ask("release", key=key)
        return released

    def reset(self) -> None:
        """Listen, take faults away, let go of what is held, count attempts from 1 again; what was recorded stays."""
        self._program.ask("reset")

    def calls(self, key: str | None = None) -> list[Call]:
        """Return the recorded calls in order of arrival, of one key or all, the running ones too."""
        return [_call(plain) for plain in self._program.ask("calls", key=key)]

    def done(self) -> list[tuple[str, str]]:
        """Return what the target did, as far as it was recorded: of each call that it answered with 2xx itself, the
        business key and the Idempotency-Key it came with ("" without one).
        """
        return [(key, own) for key, own in self._program.ask("done")]

    def clear(self) -> None:
        """Forget what was recorded; calls that are running now are forgotten too."""
        self._program.ask("clear")

    def waiting(self, key: str, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until `count` calls of `key` are being held; return whether it came to that within `timeout` seconds."""
        held: bool = self._program.ask("waiting", within=timeout + 10, key=key, count=count, timeout=timeout)
        return held

    def stop(self) -> None:
        """Stop listening and end the program."""
        self._program.stop()


def _plain(fault: Fault | None) -> dict[str, object] | None:
    return None if fault is None else asdict(fault)


def _call(plain: dict[str, Any]) -> Call:
    lists = {name: tuple((key, value) for key, value in plain[name]) for name in ("headers", "answer_headers")}
    return Call(**{**plain, **lists})
