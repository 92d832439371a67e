"""Follow-up questions made from what this very submission did, for the person who asks them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from assesskit.judging import Leveled
from assesskit.model import CriterionResult, Evidence
from assesskit.reports.diagnosis import against_truth
from assesskit.reports.evidence import Latency, piece
from assesskit.reports.views import heaviest, of, unjudged

MOST = 160
"""Characters of what was seen that stand in a question."""


def asked(result: CriterionResult) -> str:
    """The question that this submission's own evidence asks; empty where the evidence asks none."""
    if isinstance(result, Leveled):
        return _apart(result)
    if missed := _missed(result):
        return missed
    for each in result.observations:
        if each.outcome == "failed" and each.summary:
            wanted = f" The exercise asks for: {_ended(each.expected)}" if _line(each.expected) else ""
            asks = "How does your code come to that, and who would notice first?"
            return f"We saw this: {_ended(each.summary)}{wanted} {asks}"
        if each.outcome in ("errored", "inconclusive", "skipped") and result.verdict == "ungraded":
            why = _short(each.summary) or "a check of ours did not finish"
            return f"We could not judge this ({why}). How would you show us that it holds?"
    measured = next((found for each in result.observations if (found := _latency(each.evidence))), None)
    return measured if measured and result.verdict == "met" else ""


def follow_ups(results: tuple[CriterionResult, ...], most: int) -> tuple[CriterionResult, ...]:
    """What to ask about first: the heaviest gaps, where reviewers are apart, what is open, what was measured."""
    apart = tuple(each for each in results if isinstance(each, Leveled) and each.apart)
    found = (*heaviest(of(results, "not_met")), *apart, *heaviest(unjudged(results)), *heaviest(of(results, "met")))
    return tuple(each for each in found if asked(each))[:most]


def _apart(result: Leveled) -> str:
    if not result.apart:
        return ""
    said = " and ".join(f"{name} {level}" for name, level in result.by.items())
    return f"Reviewers read this differently ({_short(said)}). What did you want a reader to take from it?"


def _missed(result: CriterionResult) -> str:
    """What was in the recording and is not in the findings, or the other way round."""
    told = against_truth(result)
    missed = [one.kind for one in told if one.word == "missed"]
    other = [one.kind for one in told if one.word in ("not shown", "not there")]
    asks = []
    if missed:
        asks.append(f"The recording also shows {_listed(missed)}. Where would you look for that now?")
    if other:
        asks.append(f"You named {_listed(other)}. What in the spans that you cite speaks for it, and what against?")
    return " ".join(asks)


def _listed(kinds: Sequence[str]) -> str:
    """Kinds as a phrase."""
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"


def _latency(evidence: tuple[Evidence, ...]) -> str:
    for each in evidence:
        seen = piece(each).seen if each.kind == "latency" else None
        if isinstance(seen, Latency):
            apart = f"{seen.difference_ms:.1f} ms from our own implementation, of {seen.budget_ms:.1f} allowed"
            asks = "Where does a request spend its time, and what would you measure first?"
            return f"{_line(each.title)}: you are {apart}. {asks}"
    return ""


def _short(text: str) -> str:
    line = _line(text).rstrip(".")
    return line if len(line) <= MOST else f"{line[:MOST].rstrip()}…"


def _ended(text: str) -> str:
    """A short text as a sentence: with one end, where it was cut as well."""
    short = _short(text)
    return short if short.endswith("…") else f"{short}."


def _line(text: str) -> str:
    return " ".join(text.split())
