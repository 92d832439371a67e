"""What checks of a system with traces tell interviewers: one request before and after, findings against truth. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assesskit.checks.before import AFTER, BEFORE
from assesskit.model import Assessment, CriterionResult, Evidence
from assesskit.reports import critical
from assesskit.reports.evidence import Note, Span, Spans, piece

_LINE = re.compile(
    r"(found|missed|not shown|not there): ([a-z-]{1,60}), "
    r"(\d{1,5}) of (\d{1,5}) cited spans fit, (\d{1,5}) in the recording would"
)
WORDS = {
    "found": "Found, with spans that show it",
    "missed": "In the recording, and not found",
    "not shown": "Named, but the cited spans do not show it",
    "not there": "Named, and not in the recording",
}


class Finding(NamedTuple):
    """A kind of fault: what became of it, how many cited spans fit, of how many, and how many there are that would."""

    word: str
    kind: str
    fitting: int
    cited: int
    there: int


class Side(NamedTuple):
    """The spans of one request, of how many traces, and where its critical path spends its seconds."""

    title: str
    spans: tuple[Span, ...]

    @property
    def traces(self) -> int:
        """Traces that the request fell into."""
        return len({span.trace_id for span in self.spans})

    @property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return max(span.end for span in self.spans) - min(span.start for span in self.spans)

    @property
    def path(self) -> dict[str, float]:
        """Seconds of the critical path by service."""
        return critical.by_service(critical.path(self.spans))


def sides(assessment: Assessment) -> tuple[Side, ...]:
    """A request before and after, as one check recorded both; empty where none did, or one side has no span."""
    for result in assessment.results:
        for observation in result.observations:
            named = {each.title: spans for each in observation.evidence if (spans := _spans(each))}
            if BEFORE in named and AFTER in named:
                return Side(BEFORE, named[BEFORE]), Side(AFTER, named[AFTER])
    return ()


def findings(text: str) -> tuple[Finding, ...]:
    """The findings that a note tells, one a line; none where it tells of something else."""
    rows = [_LINE.fullmatch(line) for line in text.splitlines()]
    if not rows or not all(rows):
        return ()
    return tuple(Finding(row[1], row[2], *map(int, row.groups()[2:])) for row in rows if row)


def against_truth(result: CriterionResult) -> tuple[Finding, ...]:
    """The findings of a submission against the recording, where a check of this criterion told them."""
    return next((told for note in _notes(result) if (told := findings(note))), ())


def _notes(result: CriterionResult) -> Iterator[str]:
    for observation in result.observations:
        for each in observation.evidence:
            seen = piece(each).seen if each.kind == "note" else None
            if isinstance(seen, Note):
                yield seen.text


def _spans(evidence: Evidence) -> tuple[Span, ...]:
    seen = piece(evidence).seen if evidence.kind == "spans" else None
    return seen.spans if isinstance(seen, Spans) else ()
