"""Which trace a call belongs to, by the headers that crossed a relay, whatever format they have.

W3C Trace Context (``traceparent``), and Jaeger's ``uber-trace-id`` (trace:span:parent:flags, leading zeros left out).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from assesskit.checks.expect import Inconclusive
from assesskit.checks.stalls import Stalls
from assesskit.checks.tracing import ARRIVAL, trace_id_of
from assesskit.instruments.collector import Collector, Span
from assesskit.instruments.relay import Call, Relay

W3C, JAEGER = "traceparent", "uber-trace-id"
_JAEGER = re.compile(r"([0-9a-fA-F]{1,32}):([0-9a-fA-F]{1,16}):[0-9a-fA-F]{1,16}:[0-9a-fA-F]{1,2}")
SERVED = frozenset({"SERVER", "CONSUMER"})
"""Kinds of spans that say what a program was asked for."""
BATCH = 6.0
"""Seconds in which every program has sent what it has: the SDKs' batches go every 5."""
SETTLE = 0.3
POLL = 0.3


class Sender(NamedTuple):
    """The span that a call says it comes from, and its trace; both in hex, padded."""

    trace_id: str
    span_id: str


def senders(call: Call) -> list[Sender]:
    """What the headers of a call say, each that is well formed."""
    found = []
    for name, value in call.headers:
        if name.lower() == W3C and (trace_id := trace_id_of(value)):
            found.append(Sender(trace_id, value.split("-")[2]))
        elif name.lower() == JAEGER and (parts := _JAEGER.fullmatch(value.replace("%3A", ":").replace("%3a", ":"))):
            found.append(Sender(parts[1].lower().zfill(32), parts[2].lower().zfill(16)))
    return found


def belongs(call: Call, trace_id: str) -> bool:
    """Whether a call says that it belongs to a trace, and nothing else."""
    said = {sender.trace_id for sender in senders(call)}
    return said == {trace_id}


def crossing(relays: Mapping[str, Relay], names: Iterable[str]) -> dict[str, list[Call]]:
    """The calls that these relays saw, by the relay's name."""
    return {name: relays[name].calls() for name in names}


def headers_told(calls: Sequence[Call], name: str) -> str:
    """The trace headers of calls to a service, a line for each call, ids in full length."""
    lines = []
    for call in calls:
        said = [f"{key}: {_told(value)}" for key, value in call.headers if key.lower() in {W3C, JAEGER}]
        lines.append(f"{call.method} {name} {call.path}: {', '.join(said) or 'no trace header'}")
    return "\n".join(dict.fromkeys(lines))


def _told(value: str) -> str:
    """A header's value as it is compared: Jaeger leaves leading zeros out, and nobody looks at the parent in it."""
    parts = _JAEGER.fullmatch(value)
    return f"{parts[1].zfill(32)}:{parts[2].zfill(16)}:…" if parts else value


def arrived(
    collector: Collector,
    trace_ids: Sequence[str],
    enough: Callable[[list[Span]], bool],
    seconds: float = ARRIVAL,
    *,
    at_least: float = 0.0,
) -> list[Span]:
    """The spans of traces once they are `enough`, and still are a moment later; else what has come after `seconds`.

    Where spans that are still to come could be what is wrong, they are waited for `at_least` so long. Each trace is
    asked for by itself: who floods the collector with others is not waited for. Raises Inconclusive where this machine
    stood still for so long that they may be on their way yet.
    """
    with Stalls() as stalls:
        time.sleep(at_least)
        while True:
            found = _there(collector, trace_ids)
            if enough(found):
                time.sleep(SETTLE)
                found = _there(collector, trace_ids)
            if enough(found) or not stalls.within(at_least + seconds):
                break
            time.sleep(POLL)
    if not enough(found) and stalls.explained > max(seconds, BATCH):
        raise Inconclusive(f"spans may still come: this machine stood still for {stalls.seconds:.1f} s meanwhile")
    return found


def silent(collector: Collector, parts: Iterable[str], spans: Iterable[Span]) -> list[str]:
    """Which programs say of nothing that they were asked for it: neither in `spans`, nor in any other trace."""
    there = {span.source for span in spans if span.kind in SERVED}
    if missing := [part for part in parts if part not in there]:
        there |= {span.source for span in collector.spans(settle=0.0, timeout=0.0) if span.kind in SERVED}
    return [part for part in missing if part not in there]


def _there(collector: Collector, trace_ids: Sequence[str]) -> list[Span]:
    return [span for one in trace_ids for span in collector.spans(one, settle=0.0, timeout=0.0)]
