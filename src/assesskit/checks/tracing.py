"""Whether a trace crosses a service: what the relay saw go by (done), and which spans arrived (said).

W3C Trace Context: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

from assesskit.checks.creation import Creation, made
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.relay import Relay

TRACE_CONTEXT = "W3C Trace Context, 3.2"
ARRIVAL = 12.0
"""Seconds until spans must have arrived; the batch processors of the OpenTelemetry SDKs send every 5."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True)
class Caller:
    """A trace of our own: we are the caller, and our span is the parent of the service's."""

    trace_id: str
    span_id: str

    @classmethod
    def fresh(cls) -> Caller:
        """New random ids."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @property
    def traceparent(self) -> str:
        """The header that tells the service about us; sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def expect_joined(service: Service, relay: Relay, collector: Collector, creation: Creation, evidence: Evidence) -> None:
    """Our trace id reaches the dependency, and the service's own spans arrive under it."""
    caller = Caller.fresh()
    made(service, creation, traceparent=caller.traceparent)
    calls = relay.calls(creation.mark)
    evidence.relay("calls to the dependency", calls)
    crossed = [call.header("traceparent") or "" for call in calls]
    expect(
        bool(crossed) and all(trace_id_of(header) == caller.trace_id for header in crossed),
        "the call to the dependency does not carry the caller's trace id",
        sent=f"traceparent: {caller.traceparent}",
        received="\n".join(f"traceparent: {header or '(none)'}" for header in crossed) or "no call to the dependency",
        expected=f"traceparent with the trace id {caller.trace_id}",
        rule=TRACE_CONTEXT,
    )
    spans = own_spans(collector, caller.trace_id, service.name)
    evidence.spans("the service's spans of this trace", spans)
    expect(
        bool(spans),
        f"no span of the service arrived under the caller's trace id within {ARRIVAL:g} s",
        sent=f"traceparent: {caller.traceparent}",
        received="no span",
        expected="the service's spans of this request, exported over OTLP/HTTP",
        rule=TRACE_CONTEXT,
    )


def settled(collector: Collector, caller: Caller, source: str, timeout: float, *, least: int = 1) -> list[Span]:
    """The spans that `source` sent of our trace, once the ones right below ours have come, which end last: `least` of
    them, one for each request that was sent.
    """
    until = time.monotonic() + timeout
    with Stalls() as stalls:
        while True:
            found = collector.spans(caller.trace_id, settle=0.3, timeout=max(0.5, until - time.monotonic()))
            own = [span for span in found if span.source == source]
            below = sum(span.parent_id == caller.span_id for span in own)
            if below >= least or not stalls.within(timeout):
                return own
            time.sleep(0.1)


def own_spans(collector: Collector, trace_id: str, source: str) -> list[Span]:
    """The spans of a trace that `source` sent, once they have settled; empty when none came in time."""
    until = time.monotonic() + ARRIVAL
    with Stalls() as stalls:
        while True:
            found = collector.spans(trace_id, settle=0.3, timeout=max(0.5, until - time.monotonic()))
            own = [span for span in found if span.source == source]
            if own or not stalls.within(ARRIVAL):
                return own


def trace_id_of(header: str) -> str:
    """The trace id of a traceparent; empty when the header breaks the standard."""
    found = _TRACEPARENT.match(header)
    return found[1] if found and int(found[2], 16) else ""
