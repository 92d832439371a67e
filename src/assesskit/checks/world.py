"""Everything a check can reach, and how it is made whole again before the next check."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.intrusion import kept_away
from assesskit.checks.services import Control, Service, ended
from assesskit.checks.stalls import Stalls

if TYPE_CHECKING:
    from assesskit.checks.exchange import Exchange
    from assesskit.checks.harness import Harness
    from assesskit.checks.ledger import Ledger
    from assesskit.checks.resource import Resource
    from assesskit.checks.tokens import Tokens
    from assesskit.instruments.collector import Collector
    from assesskit.instruments.program import Program
    from assesskit.instruments.relay import Relay

PATIENCE = 12.0
"""Seconds a service that runs gets to become ready again after a check before it is restarted."""
WAITING = 240.0
"""Seconds a submission may keep its checks waiting in all, for answers and until it serves again.

Whoever is asked for more could use up the time of the whole run, and with it the checks that come last.
"""
SUBMISSION = "submission"
REFERENCE = "reference"


class StageError(Exception):
    """Something of ours is not as it should be: never the submission's fault."""


@dataclass
class World:
    """The services, instruments and facts of one grader session, and the evidence of the check that runs now."""

    harness: Harness
    services: Mapping[str, Service]
    relays: Mapping[str, Relay]
    collector: Collector | None
    tokens: Tokens
    facts: Mapping[str, Any]
    resource: Resource | None = None
    parts: Sequence[str] = (SUBMISSION,)
    """The programs of the submission; the first is the one whose clients the checks are."""
    instruments: dict[str, Program] = field(default_factory=dict)
    """What the exercise has beside relays and collector."""
    ledger: Ledger | None = None
    """Of what the submission acknowledged, where the exercise has a resource."""
    evidence: Evidence = field(default_factory=Evidence)
    lost: Failure | None = None
    """Why the submission could not be brought back, once that was tried in vain: it is not tried again."""
    stalls: Stalls = field(default_factory=Stalls)
    """Of the whole session, once it is entered."""
    waited: float = 0.0
    """Seconds that the submission kept its checks waiting so far; what they waited for side by side counts once."""
    _waited_until: float = 0.0

    @property
    def submission(self) -> Service:
        """The service under test; of several, the one whose clients we are."""
        return self.services[self.parts[0]]

    @property
    def dependencies(self) -> tuple[Service, ...]:
        """Our own services that the submission calls."""
        return tuple(one for name, one in self.services.items() if name not in (*self.parts, REFERENCE))

    @property
    def control(self) -> Control:
        """All services by name."""
        return Control(self.services, self.harness)

    def record(self, name: str, exchange: Exchange) -> None:
        """Keep an exchange with the service `name` as evidence of the check that runs now."""
        if self.ledger is not None and name == self.parts[0]:
            self.ledger.record(exchange)
        self.evidence.exchanged(exchange)
        self.wait(exchange.seconds)

    def restore(self) -> None:
        """Take every fault away and make sure that every service serves, restarting what a check has ended.

        Raises Failure when the submission cannot be brought back, was too slow so far, or reaches for one of ours;
        Inconclusive when it may be the machine that was slow; StageError when a service of ours cannot be brought back.
        """
        if self.lost is not None:
            raise self.lost
        if self.ledger is not None:
            self.ledger.turn()
        for relay in self.relays.values():
            relay.reset()
            relay.clear()
        for service in self.services.values():
            if service.paused:
                service.resume()
        try:
            for service in self.dependencies:
                with ExitStack() as watching:
                    for part in self.parts:
                        watching.enter_context(kept_away(self.services[part], service))
                    if not service.status()["running"]:
                        service.start()
                    serving(service)
            self._restore_submission()
            if WAITING < self.waited <= WAITING + self.stalls.explained:
                stood = f"this machine stood still for {self.stalls.seconds:.0f} s"
                raise Inconclusive(f"{self.waited:.0f} s of waiting for the service so far, but {stood}")
            if self.waited > WAITING:
                raise Failure(
                    "the service was too slow for its remaining checks",
                    received=f"{self.waited:.0f} s of waiting so far",
                    expected=f"at most {WAITING:g} s of waiting for all checks together",
                )
        except Failure as failure:
            self.lost = failure
            raise

    def _restore_submission(self) -> None:
        began = time.monotonic()
        try:
            for part in self.parts:
                self._brought_back(self.services[part])
        finally:
            self.wait(time.monotonic() - began)

    def wait(self, seconds: float) -> None:
        """Count seconds of waiting that end now; of requests side by side, each moment once."""
        now = time.monotonic()
        self.waited += now - min(now, max(now - seconds, self._waited_until))
        self._waited_until = now

    def _brought_back(self, service: Service) -> None:
        state = service.status()
        if state["running"]:
            try:
                service.until_ready(min(PATIENCE, service.ready_within))
            except Failure as failure:
                self.evidence.note("restarted before this check", failure.summary)
                service.stop(2.0)
            else:
                return
        else:
            self.evidence.note("restarted before this check", f"the service {ended(state)}")
        service.start()
        service.until_ready()


def serving(service: Service) -> None:
    """Wait until a service of ours is ready. Raises StageError when it will not be."""
    try:
        service.until_ready()
    except Failure as failure:
        raise StageError(failure.summary) from failure
