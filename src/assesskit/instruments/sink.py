"""The event sink, as a check sees it: it takes CloudEvents over HTTP, keeps all of them in order, and can misbehave.

What it holds is what really was sent. It can hand events on to the monolith's inbox, as a broker would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assesskit.instruments.faults import Fault
from assesskit.instruments.program import Program


@dataclass(frozen=True)
class Taken:
    """An event that the sink took, and may have taken before. `number` counts them in order of arrival from 1, `at` is
    the wall clock (unix seconds), `request` the request it came with. `answered` is the status its sender got: None
    where it got none, or has not yet. `traceparent` is its request's, "" where that had none.
    """

    number: int
    at: float
    request: int
    mode: str
    event: Mapping[str, Any]
    data: Any
    traceparent: str
    answered: int | None

    @property
    def id(self) -> str:
        """Its id, unique within its source."""
        return str(self.event["id"])

    @property
    def subject(self) -> str:
        """The aggregate it is about; "" where it says none."""
        return str(self.event.get("subject", ""))

    @property
    def type(self) -> str:
        """What happened."""
        return str(self.event["type"])


@dataclass(frozen=True)
class Forwarding:
    """The numbers of events that wait to be handed on, how many were taken, and what was said of those refused."""

    waiting: tuple[int, ...]
    delivered: int
    refused: tuple[str, ...]


def taken_but(status: int) -> Fault:
    """Take the event and answer `status` all the same: its sender must send it again, by the same id."""
    return Fault("status", forward=True, code=status)


class Sink:
    """A running sink. Every method raises GraderError when its own program fails.

    Faults are those of relays, played request by request: ``status``, ``refuse`` and ``reset()`` take nothing; ``hang``
    and ``delay`` take it when it is let go, ``late`` and ``reset(forward=True)`` take it at once, `taken_but` too.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.port: int = program.ask("port")

    @classmethod
    def start(cls, port: int = 0) -> Sink:
        """Start one on 127.0.0.1:`port` (0: a free one)."""
        module = "assesskit.instruments.event_sink"
        return cls(Program.opened(module, "sink", port=port, token="", collector=0)[0])

    def script(self, *faults: Fault | None, always: bool = False) -> None:
        """Play `faults` for the next requests, one each; None is no fault. With `always` the last one goes on."""
        plain = [None if fault is None else asdict(fault) for fault in faults]
        self._program.ask("script", faults=plain, always=always)

    def everything(self, fault: Fault | None) -> None:
        """Play `fault` for every request from now on; None ends it."""
        self.script(*([] if fault is None else [fault]), always=fault is not None)

    def release(self) -> int:
        """Let go of the requests that are held now; return how many."""
        released: int = self._program.ask("release")
        return released

    def waiting(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until `count` requests are held; return whether it came to that within `timeout` seconds."""
        held: bool = self._program.ask("waiting", within=timeout + 10, count=count, timeout=timeout)
        return held

    def shut(self) -> None:
        """Listen no more, as if nothing ran there; what it took it still has. The port stays its own."""
        self._program.ask("shut")

    def reopen(self) -> None:
        """Listen again."""
        self._program.ask("reopen")

    def reset(self) -> None:
        """Listen, take faults away, let go of what is held; what was taken stays."""
        self._program.ask("reset")

    def events(self, after: int = 0) -> list[Taken]:
        """Return what was taken after the event of that number, in order of arrival, with all that came repeatedly."""
        return [Taken(**plain) for plain in self._program.ask("events", after=after)]

    def count(self) -> int:
        """Return how many events were taken: cheaper to ask over and over than for all of them."""
        number: int = self._program.ask("count")
        return number

    def refused(self) -> list[str]:
        """Return why requests were refused that were no CloudEvents, the first few."""
        return [str(reason) for reason in self._program.ask("refused")]

    def turned_away(self) -> int:
        """Return how many requests a fault kept from being taken."""
        count: int = self._program.ask("turned_away")
        return count

    def clear(self) -> None:
        """Forget what was taken and refused."""
        self._program.ask("clear")

    def forward(self, port: int | None, path: str = "/") -> None:
        """Hand on what was taken and will be, one after the other in order of arrival, to 127.0.0.1:`port`; None ends
        it. What fails is tried again before anything else; what is answered 409 is tried again after others; any other
        4xx is a refusal.
        """
        self._program.ask("forward", port=port, path=path)

    def forwarded(self, timeout: float = 5.0) -> Forwarding:
        """Wait until nothing waits to be handed on, for `timeout` seconds at most."""
        told = self._program.ask("forwarded", within=timeout + 10, timeout=timeout)
        return Forwarding(tuple(told["waiting"]), told["delivered"], tuple(told["refused"]))

    def stop(self) -> None:
        """Stop listening and end the program."""
        self._program.stop()
