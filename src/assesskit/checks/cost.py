"""What a request costs: processor time, next to the reference's for the same requests.

Processor time is counted by the system and, unlike latency, nearly the same on a quiet machine and on a busy one; what
a busy one adds (caches, switches) it adds to both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

from assesskit.checks.latency import Verdict

SPREAD = 0.15
"""Of the limit: a cost this near to it could be on its other side in the next measurement."""


@dataclass(frozen=True)
class CostVerdict:
    """The verdict, its reason in one line, and the processor milliseconds of a request (0 where unknown)."""

    verdict: Verdict
    reason: str
    expected: str
    ours_ms: float = 0.0
    theirs_ms: float = 0.0
    limit_ms: float = 0.0


def judge(ours: float | None, theirs: float | None, times: float, plus_ms: float) -> CostVerdict:
    """Judge the processor milliseconds of a request to each side: at most `plus_ms` more than `times` the
    reference's.
    """
    expected = f"at most {plus_ms:g} ms more than {times:g} times the reference's processor time"
    if not ours or not theirs:
        return CostVerdict("inconclusive", "this runtime does not tell the processor time of a service", expected)
    limit = times * theirs + plus_ms
    reason = f"{ours:.1f} ms of processor time a request beside the reference's {theirs:.1f} ms, limit {limit:.1f} ms"
    verdict: Verdict = "met" if ours <= limit else "not_met"
    if abs(ours - limit) < SPREAD * limit:
        verdict, reason = "inconclusive", f"too near to the limit to tell: {reason}"
    return CostVerdict(verdict, reason, expected, ours, theirs, limit)
