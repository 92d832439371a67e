"""How well spans are written, by two sets of rules: information for people, which no verdict rests on.

The first is the Instrumentation Score (github.com/instrumentation-score/spec, commit e6ee222): the weight of the rules
that hold, of the weight of all, times 100. It wants no other rules mixed in, and to be told how many were left out.
Ours (``AK-``) stand apart: they are about requests that we sent ourselves, whose traces we know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from assesskit.checks.evidence import Evidence
from assesskit.instruments.collector import Span

ALL_RULES = 19
"""Of the specification at that commit."""
WEIGHTS = {"Critical": 40, "Important": 30, "Normal": 20, "Low": 10}
MOST_INTERNAL, MOST_SHORT, SHORT = 10, 20, 0.005
"""SPA-001 and SPA-005: INTERNAL spans of a service in a trace; spans of a trace that take less than 5 ms."""
OF_RESOURCES = ("service.", "telemetry.", "host.", "os.", "process.", "container.", "k8s.", "cloud.", "deployment.")
"""RES-004: where the semantic conventions have such keys, they have them on resources."""
INSTANCE = "service.instance.id"
PLACES = ("k8s.pod.uid", "k8s.pod.name", "container.id", "host.id")
"""RES-002: what tells one running copy of a service from another, beside the id of the instance."""
PEERS = frozenset({"service.peer.name", "service.peer.namespace"})
LAG = 0.002
"""Seconds by which one program's clock may seem to differ from another's on the same machine."""
SERVER_ERROR = 500
SHOWN = 3
STATUS_CODES = ("http.response.status_code", "http.status_code")

Offenders = Iterator[str]


class Rule(NamedTuple):
    """A rule: its impact (empty for ours), what it says, and who offends against it in some spans."""

    id: str
    impact: str
    text: str
    offenders: Callable[[Traces], Offenders]


class Traces:
    """Spans by id and by trace; `callers` are spans of ours, which no collector has."""

    def __init__(self, spans: Sequence[Span], callers: Collection[tuple[str, str]]) -> None:
        self.spans = spans
        self.callers = callers
        self.by_id: Mapping[tuple[str, str], Span] = {(span.trace_id, span.span_id): span for span in spans}

    def parent(self, span: Span) -> Span | None:
        """The span that it says it is below, if that arrived."""
        return self.by_id.get((span.trace_id, span.parent_id))

    def ancestors(self, span: Span) -> Iterator[Span]:
        """Its parent, and so on; each once, also where they form a ring."""
        seen = {span.span_id}
        above = self.parent(span)
        while above is not None and above.span_id not in seen:
            yield above
            seen.add(above.span_id)
            above = self.parent(above)


def told(spans: Sequence[Span], callers: Collection[tuple[str, str]], evidence: Evidence) -> None:
    """Keep the score, and what each rule found, as evidence; without spans there is nothing to tell."""
    if not spans:
        return
    traces = Traces(spans, callers)
    title = f"Instrumentation Score, partial: {len(SPECIFIED)} of {ALL_RULES} rules, information only"
    evidence.figure(title, round(score(traces), 1), "of 100")
    evidence.note("Rules of the Instrumentation Score", "\n".join(_line(rule, traces) for rule in SPECIFIED))
    evidence.note("Rules of ours about these spans, information only", "\n".join(_line(rule, traces) for rule in OURS))


def score(traces: Traces) -> float:
    """The Instrumentation Score over the rules that can be told from spans, 0 to 100."""
    total = sum(WEIGHTS[rule.impact] for rule in SPECIFIED)
    return 100 * sum(WEIGHTS[rule.impact] for rule in SPECIFIED if not any(rule.offenders(traces))) / total


def _line(rule: Rule, traces: Traces) -> str:
    found = list(rule.offenders(traces))
    impact = f" ({rule.impact})" if rule.impact else ""
    if not found:
        return f"holds: {rule.id}{impact}, {rule.text}"
    examples = "; ".join(list(dict.fromkeys(found))[:SHOWN])
    return f"does not hold: {rule.id}{impact}, {rule.text}: {len(found)} times, such as {examples}"


def _misplaced(traces: Traces) -> Offenders:
    for span in traces.spans:
        for key in span.attributes:
            if key.startswith(OF_RESOURCES) and key not in PEERS:
                yield f"{key} on {_named(span)}"


def _unnamed_instances(traces: Traces) -> Offenders:
    without = Counter(span.service for span in traces.spans if not str(span.resource.get(INSTANCE) or "").strip())
    return (f"{count} spans of {service}" for service, count in without.items())


def _shared_instances(traces: Traces) -> Offenders:
    """Ids that two copies of a service share: programs of their own here, or in other places by their own word."""
    copies: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for span in traces.spans:
        if instance := str(span.resource.get(INSTANCE) or "").strip():
            copy = (span.source, *(str(span.resource.get(place)) for place in PLACES))
            copies.setdefault((span.service, instance), set()).add(copy)
    return (f"{instance[:36]} of {service}" for (service, instance), found in copies.items() if len(found) > 1)


def _nameless(traces: Traces) -> Offenders:
    return (f"a span {span.name!r}" for span in traces.spans if not span.service.strip())


def _internal(traces: Traces) -> Offenders:
    counts = Counter((span.trace_id, span.service) for span in traces.spans if span.kind == "INTERNAL")
    return (f"{count} of {service}" for (_, service), count in counts.items() if count > MOST_INTERNAL)


def _orphans(traces: Traces) -> Offenders:
    for span in traces.spans:
        above = (span.trace_id, span.parent_id)
        if span.parent_id and above not in traces.by_id and above not in traces.callers:
            yield _named(span)


def _client_roots(traces: Traces) -> Offenders:
    return (_named(span) for span in traces.spans if not span.parent_id and span.kind == "CLIENT")


def _short(traces: Traces) -> Offenders:
    counts = Counter(span.trace_id for span in traces.spans if span.end - span.start < SHORT)
    return (f"{count} in trace {trace[:8]}" for trace, count in counts.items() if count > MOST_SHORT)


def _foreign_traces(traces: Traces) -> Offenders:
    """Spans of traces that are none of ours: a request of ours began another."""
    ours = {trace for trace, _ in traces.callers}
    return (_named(span) for span in traces.spans if not span.parent_id and span.trace_id not in ours)


def _twice(traces: Traces) -> Offenders:
    counts = Counter((span.trace_id, span.span_id) for span in traces.spans)
    return (_named(traces.by_id[one]) for one, count in counts.items() if count > 1)


def _early(traces: Traces) -> Offenders:
    for span in traces.spans:
        above = traces.parent(span)
        if above is not None and span.start < above.start - LAG:
            yield f"{_named(span)} begins before {_named(above)}"


def _outliving(traces: Traces) -> Offenders:
    for span in traces.spans:
        above = traces.parent(span)
        if above is not None and span.kind != "CONSUMER" and span.end > above.end + LAG:
            yield f"{_named(span)} ends after {_named(above)}"


def _inverted(traces: Traces) -> Offenders:
    for span in traces.spans:
        own = _ms(span)
        for above in traces.ancestors(span) if own is not None else ():
            longer = _ms(above)
            if longer is not None and own is not None and own > longer:
                yield f"{_named(span)} may take {own:g} ms, {_named(above)} {longer:g}"
                break


def _unsaid(traces: Traces) -> Offenders:
    for span in traces.spans:
        code = next((span.attributes[key] for key in STATUS_CODES if key in span.attributes), None)
        if isinstance(code, int) and code >= SERVER_ERROR and span.status != "ERROR":
            yield f"{_named(span)} with {code}"


def _ms(span: Span) -> float | None:
    value = span.attributes.get("timeout_ms")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _named(span: Span) -> str:
    return f"{span.service}: {span.name}"[:80]


SPECIFIED = (
    Rule("RES-001", "Normal", "service.instance.id is there", _unnamed_instances),
    Rule("RES-002", "Important", "no two copies of a service share a service.instance.id", _shared_instances),
    Rule("RES-004", "Important", "attributes of resources are not on spans (only spans are looked at)", _misplaced),
    Rule("RES-005", "Critical", "service.name is there", _nameless),
    Rule("SPA-001", "Normal", f"no more than {MOST_INTERNAL} INTERNAL spans of a service in a trace", _internal),
    Rule("SPA-002", "Normal", "every span's parent is there (that of ours is known)", _orphans),
    Rule("SPA-004", "Important", "no CLIENT span begins a trace", _client_roots),
    Rule("SPA-005", "Important", f"no more than {MOST_SHORT} spans of a trace take less than 5 ms", _short),
)
OURS = (
    Rule("AK-001", "", "a request of ours begins no trace of its own", _foreign_traces),
    Rule("AK-002", "", "no span id is there twice in a trace", _twice),
    Rule("AK-003", "", "no span begins before its parent", _early),
    Rule("AK-004", "", "no span but a message's ends after its parent", _outliving),
    Rule("AK-005", "", "nobody waits longer than its caller does (attribute timeout_ms)", _inverted),
    Rule("AK-006", "", "a span answered with 5xx says ERROR", _unsaid),
)
