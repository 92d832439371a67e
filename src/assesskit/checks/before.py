"""How a request looked before anybody repaired anything: the one of a recording that can be told apart from the others.

Where traces fall apart nothing but time says which spans belong together. So of the recording's requests the first is
taken that no other overlaps, and that was served.
"""

from __future__ import annotations

from collections.abc import Sequence

from assesskit.checks.evidence import Evidence
from assesskit.instruments.collector import Span

BEFORE, AFTER = "Before: one request of the recording", "After: one request of ours"
"""What the two pieces of evidence are called; reports draw them side by side."""


def told(recorded: Sequence[Span], ours: Sequence[Span], evidence: Evidence) -> None:
    """Keep both as evidence; without a request that stands alone in the recording, only ours."""
    if alone := one_request(recorded):
        evidence.spans(BEFORE, alone)
    evidence.spans(AFTER, ours)


def one_request(recorded: Sequence[Span]) -> list[Span]:
    """Spans of one request, the earliest first, of whichever traces; none where requests overlap all the time."""
    callers = {(span.trace_id, span.span_id) for span in recorded}
    entries = sorted(
        (span for span in recorded if span.kind == "SERVER" and (span.trace_id, span.parent_id) not in callers),
        key=lambda span: (span.start, -span.end),
    )
    if not entries:
        return []
    first = entries[0].service
    own = [span for span in entries if span.service == first]
    for span in own:
        others = any(one is not span and one.start < span.end and span.start < one.end for one in own)
        if not others and span.status != "ERROR":
            return sorted((one for one in recorded if span.start <= one.start < span.end), key=lambda one: one.start)
    return []
