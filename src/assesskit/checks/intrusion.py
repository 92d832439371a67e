"""Whether the submission is where it has no business: at the ports of the services beside it.

All of a pod share one loopback, so it can connect to them past our relays, hold all their threads, or listen on a port
before the service that it belongs to. What then looks like a fault of ours is the submission's doing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from assesskit.checks import ports
from assesskit.checks.expect import Failure
from assesskit.checks.services import Service

POLL = 0.1


class Listener(Protocol):
    """What the submission has no business at."""

    name: str
    port: int


def intrusion(submission: Service, others: Sequence[Listener]) -> Failure | None:
    """What the submission does at the ports of `others` right now; None when nothing, or when no user id is known."""
    if submission.uid is None:
        return None
    touched = ports.touched(submission.uid)
    for other in others:
        if other.port in touched:
            return Failure(
                f"the service under test reaches for the port of the {other.name}, which is not its own",
                received=f"a socket of its own at 127.0.0.1:{other.port}",
                expected="connections to the addresses in its environment, and to no others",
            )
    return None


@contextmanager
def kept_away(submission: Service, *others: Listener) -> Iterator[None]:
    """Raise Failure at the end if the submission was seen at a port of `others`, whatever else went wrong meanwhile."""
    over = threading.Event()
    seen: list[Failure] = []

    def look() -> None:
        if not seen and (found := intrusion(submission, others)):
            seen.append(found)

    def watch() -> None:
        while not over.wait(POLL):
            look()

    thread = threading.Thread(target=watch, name="intrusion", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()
        if seen:
            raise seen[0]
