"""A recording of a system, as what one asks of it: spans by their ids, traces, parents and calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from assesskit.instruments.collector import Span

SUCCESS = range(200, 300)


class Recording:
    """Spans by what one asks of them; `thing` is the attribute that says what a call is about."""

    def __init__(self, spans: Sequence[Span], thing: str = "") -> None:
        self.thing = thing
        self.spans = tuple(spans)
        self.by_id = {span.span_id: span for span in spans}
        self.traces: dict[str, list[Span]] = defaultdict(list)
        self.children: dict[tuple[str, str], list[Span]] = defaultdict(list)
        self.calls: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            self.traces[span.trace_id].append(span)
            self.children[span.trace_id, span.parent_id].append(span)
            if span.kind == "CLIENT":
                self.calls[peer(span)].append(span)

    def below(self, span: Span) -> list[Span]:
        """The children of a span."""
        return self.children[span.trace_id, span.span_id]

    def parent(self, span: Span) -> Span | None:
        """The parent of a span, where it is in the same trace."""
        found = self.by_id.get(span.parent_id)
        return found if found is not None and found.trace_id == span.trace_id else None


def peer(span: Span) -> str:
    """Whom a CLIENT span calls, as far as it says so."""
    return str(span.attributes.get("peer.service", ""))


def answered(span: Span) -> int:
    """The status of the answer that a span tells of; 0 where it tells none."""
    said = span.attributes.get("http.response.status_code", span.attributes.get("http.status_code", 0))
    return int(said) if str(said).isdecimal() else 0
