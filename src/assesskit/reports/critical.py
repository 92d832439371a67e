"""The critical path of a trace: at every moment the span without which the request would have been over sooner. Pure.

From the end backwards: of a span's children the one that ended last is what it waited for, before that child began the
one that had ended last by then, and so on. Source: Jaeger UI's critical path, and CRISP (USENIX ATC 2022).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from assesskit.reports.evidence import Span


class Part(NamedTuple):
    """A stretch of the path: the span, and from when to when, in the spans' own seconds."""

    span: Span
    start: float
    end: float


def path(spans: Sequence[Span]) -> list[Part]:
    """The path of the trace whose root begins first, the last part first; empty without a root.

    What a child does outside its parent's time is nobody's waiting and is left out; so is what message consumers do.
    """
    known = {(span.trace_id, span.span_id) for span in spans}
    children: dict[tuple[str, str], list[Span]] = defaultdict(list)
    roots: list[Span] = []
    for span in spans:
        above = (span.trace_id, span.parent_id or "")
        (children[above] if above in known else roots).append(span)
    if not roots:
        return []
    root = min(roots, key=lambda span: span.start)
    parts: list[Part] = []
    drawn: set[tuple[str, str]] = set()
    waiting = [(root, root.start, root.end)]
    while waiting:
        span, low, high = waiting.pop()
        identity = (span.trace_id, span.span_id)
        if identity in drawn:
            continue
        drawn.add(identity)
        own: list[tuple[Span, float, float]] = []
        until = high
        for child in sorted(children[identity], key=lambda one: one.end, reverse=True):
            end, start = min(child.end, high), max(child.start, low)
            if str(child.kind).upper() == "CONSUMER" or end > until or start >= end:
                continue
            parts.append(Part(span, end, until))
            own.append((child, start, end))
            until = start
        parts.append(Part(span, low, until))
        waiting.extend(reversed(own))
    return sorted((part for part in parts if part.end > part.start), key=lambda part: -part.end)


def by_service(parts: Sequence[Part]) -> dict[str, float]:
    """Seconds of the path by service, the longest first."""
    seconds: dict[str, float] = defaultdict(float)
    for part in parts:
        seconds[part.span.service or "unknown"] += part.end - part.start
    return dict(sorted(seconds.items(), key=lambda one: -one[1]))
