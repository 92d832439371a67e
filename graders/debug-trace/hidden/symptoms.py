"""What a recording shows: for each kind of fault a predicate over its spans, so that truth is no list of ids.

A kind is real where a span fits it. The kinds are a closed vocabulary, and most are not there in any one recording.
This lies with the hidden checks, because candidates have the check library, and who has this has the diagnosis.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from assesskit.checks.span_recording import SUCCESS, Recording, answered, peer
from assesskit.instruments.collector import Span

LONG_WAIT = 0.1
"""Seconds of waiting for a session from which on a pool is too small."""
MANY = 5
"""Statements alike below one parent."""
HERD = 3
"""Calls for the same thing at the same time, or one after the other below one parent."""
MARGIN = 0.05
"""Seconds by which something must be after something else: times are those of several programs."""
AGAIN = 0.001
"""Seconds by which calls of one thread may overlap, since a span ends a moment after its call."""
THIRD = 2
"""The number of a third attempt: the first is 0."""
SERVER_ERROR = 500
TEXT = "db.query.text"


def fitting(recording: Recording) -> dict[str, frozenset[str]]:
    """The ids of the spans that fit, by the kind; every kind has its entry."""
    return {kind: frozenset(span.span_id for span in found(recording)) for kind, found in KINDS.items()}


def _inside(span: Span, window: Span) -> bool:
    return window.start - MARGIN <= span.start and span.end <= window.end + MARGIN


def _split(recording: Recording) -> Iterator[Span]:
    """Root SERVER spans in mid-path: within a call to their service that belongs to another trace and is no root."""
    for span in recording.spans:
        if span.kind == "SERVER" and not span.parent_id:
            around = [one for one in recording.calls[span.service] if one.trace_id != span.trace_id and one.parent_id]
            if any(_inside(span, one) for one in around):
                yield span


def _lost_in_pool(recording: Recording) -> Iterator[Span]:
    """Root CLIENT spans within a request of their own service."""
    served = [span for span in recording.spans if span.kind == "SERVER"]
    for span in recording.spans:
        if span.kind == "CLIENT" and not span.parent_id:
            own = [one for one in served if one.service == span.service and one.trace_id != span.trace_id]
            if any(_inside(span, one) for one in own):
                yield span


def _unlinked(recording: Recording) -> Iterator[Span]:
    """CONSUMER spans that are roots and have no link."""
    return (span for span in recording.spans if span.kind == "CONSUMER" and not span.parent_id and not span.links)


def _lost_at_stop(recording: Recording) -> Iterator[Span]:
    """Calls that were answered well, by somebody whose spans are there before and after, and not of these calls.

    And what hangs in the air below such lost spans: SERVER and CONSUMER spans whose parent never came.
    """
    silent = [name for name, calls in recording.calls.items() if _joined(recording, calls)]
    lost = []
    for name in silent:
        calls = sorted(recording.calls[name], key=lambda one: one.start)
        bare = [one for one in calls if answered(one) in SUCCESS and not _served(recording, one)]
        whole = [one for one in calls if _served(recording, one)]
        lost += [one for one in bare if whole and whole[0].start < one.start < whole[-1].start]
    yield from lost
    traces = {span.trace_id for span in lost}
    for span in recording.spans:
        below = span.trace_id in traces and span.kind in {"SERVER", "CONSUMER"}
        if below and span.parent_id and recording.parent(span) is None:
            yield span


def _joined(recording: Recording, calls: Sequence[Span]) -> bool:
    """Whether most calls to somebody have a SERVER span below them."""
    return 2 * sum(_served(recording, one) for one in calls) > len(calls)


def _served(recording: Recording, call: Span) -> bool:
    return any(one.kind == "SERVER" for one in recording.below(call))


def _never_ended(recording: Recording) -> Iterator[Span]:
    """CLIENT spans whose parent never came, though other spans of their own service are in the trace."""
    for span in recording.spans:
        if span.kind == "CLIENT" and span.parent_id and recording.parent(span) is None:
            own = [one for one in recording.traces[span.trace_id] if one.service == span.service]
            if any(one.kind == "SERVER" for one in own):
                yield span


def _always_on(recording: Recording) -> Iterator[Span]:
    """SERVER spans whose parent never came, alone with what is below them: nobody else of that trace is there."""
    for span in recording.spans:
        orphan = span.kind == "SERVER" and span.parent_id and recording.parent(span) is None and not span.flags & 1
        if orphan and {one.service for one in recording.traces[span.trace_id]} == {span.service}:
            yield span


def _hidden(recording: Recording) -> Iterator[Span]:
    """CLIENT spans that were answered with 5xx and do not say ERROR."""
    calls = (one for one in recording.spans if one.kind == "CLIENT" and answered(one) >= SERVER_ERROR)
    return (one for one in calls if one.status != "ERROR")


def _repeated(recording: Recording) -> Iterator[Span]:
    """Second and later attempts, in traces where more than one service makes them."""
    for spans in recording.traces.values():
        again = [one for one in spans if one.kind == "CLIENT" and _attempt(one) >= 1]
        if len({one.service for one in again}) > 1:
            yield from again


def _unbounded(recording: Recording) -> Iterator[Span]:
    """Third and later attempts, where only one service makes any."""
    again = [one for one in recording.spans if one.kind == "CLIENT" and _attempt(one) >= 1]
    if len({one.service for one in again}) == 1:
        yield from (one for one in again if _attempt(one) >= THIRD)


def _attempt(span: Span) -> int:
    said = span.attributes.get("attempt", 0)
    return said if isinstance(said, int) else 0


def _after_the_end(recording: Recording) -> Iterator[Span]:
    """CLIENT spans that begin after the root of their trace has ended; a consumer's turn comes then."""
    for spans in recording.traces.values():
        roots = [one for one in spans if one.kind == "SERVER" and recording.parent(one) is None]
        if len(roots) == 1:
            consumed = {one.service for one in spans if one.kind == "CONSUMER"}
            late = (one for one in spans if one.kind == "CLIENT" and one.start > roots[0].end + MARGIN)
            yield from (one for one in late if one.service not in consumed)


def _waits(recording: Recording) -> Iterator[Span]:
    """Long waits for a session of a pool."""
    return (one for one in recording.spans if one.name == "pool.acquire" and one.end - one.start > LONG_WAIT)


def _one_by_one(recording: Recording) -> Iterator[Span]:
    """Statements of one text, many below one parent."""
    for own in recording.children.values():
        alike: dict[str, list[Span]] = defaultdict(list)
        for span in own:
            if TEXT in span.attributes:
                alike[str(span.attributes[TEXT])].append(span)
        for spans in alike.values():
            if len(spans) >= MANY:
                yield from spans


def _herd(recording: Recording) -> Iterator[Span]:
    """Loads of the same thing by one service, right below its requests, that run at the same time."""
    alike: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    for name, calls in recording.calls.items():
        for one in calls:
            below = recording.parent(one)
            if recording.thing in one.attributes and below is not None and below.kind == "SERVER":
                alike[one.service, name, str(one.attributes[recording.thing])].append(one)
    for spans in alike.values():
        for one in spans:
            if sum(other.start < one.end and one.start < other.end for other in spans) >= HERD:
                yield one


def _in_a_row(recording: Recording) -> Iterator[Span]:
    """Calls to one service, many below one parent, of which each begins when the one before has ended."""
    for own in recording.children.values():
        calls: dict[str, list[Span]] = defaultdict(list)
        for span in own:
            if span.kind == "CLIENT" and TEXT not in span.attributes and not _attempt(span):
                calls[peer(span)].append(span)
        for spans in calls.values():
            row = sorted(spans, key=lambda one: one.start)
            if len(row) >= HERD and all(one.end <= two.start + AGAIN for one, two in itertools.pairwise(row)):
                yield from row


KINDS: Mapping[str, Callable[[Recording], Iterator[Span]]] = {
    "mixed-propagation": _split,
    "context-lost-in-pool": _lost_in_pool,
    "consumer-without-context": _unlinked,
    "spans-lost-at-stop": _lost_at_stop,
    "span-never-ended": _never_ended,
    "always-on-child": _always_on,
    "error-hidden": _hidden,
    "nested-retries": _repeated,
    "retries-unbounded": _unbounded,
    "deadline-ignored": _after_the_end,
    "pool-too-small": _waits,
    "one-query-for-each-part": _one_by_one,
    "stampede": _herd,
    "lines-one-after-the-other": _in_a_row,
}

ROOT_CAUSES = ("nested-retries", "retries-unbounded", "deadline-ignored")
"""What makes an outage of one dependency's failure: more calls the worse it goes, or work for nobody."""


def root_cause(truth: Mapping[str, frozenset[str]]) -> str:
    """The one of them that is there. Raises ValueError where it is none, or not one alone: our fault."""
    (found,) = [kind for kind in ROOT_CAUSES if truth[kind]]
    return found
