"""Whether a service can do enough, told by what the reference can do on the same machine at the same time.

Some clients ask again as soon as they are answered. How many requests a second that makes is their number over the mean
time to an answer (Little's law), which needs no care for the edges of a window. The submission's rate over the
reference's, window by window, is judged with an interval from a bootstrap over the windows, three ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from assesskit.checks.latency import REFERENCE, SUBMISSION, Verdict, interval
from assesskit.instruments.load import Sample

MIN_WINDOWS = 6
BESIDE = 0.15
"""Processor seconds a second that a service may use besides its answers: it exports, it cleans up."""


@dataclass(frozen=True)
class ThroughputVerdict:
    """The verdict, its reason in one line, and the rates it rests on: requests a second, the median window's."""

    verdict: Verdict
    reason: str
    rates: dict[str, float]
    share: float

    @property
    def expected(self) -> str:
        """What the submission must keep to."""
        return f"at least {self.share:.0%} of the good answers a second that the reference beside it gives"


def judge(samples: Sequence[Sample], clients: int, share: float, beside: float | None) -> ThroughputVerdict:
    """Judge whether the submission answers at least `share` of the reference's rate.

    Only good answers count; who sheds load answers less. `beside` are the processor seconds a second that the
    submission used beyond its own windows: who keeps the machine busy while the reference is measured is not compared
    with it.
    """
    windows = sorted({sample.window for sample in samples})
    rates = {side: [rate(samples, side, clients, window) for window in windows] for side in (SUBMISSION, REFERENCE)}
    typical = {side: median(found) if found else 0.0 for side, found in rates.items()}
    if len(windows) < MIN_WINDOWS or min(rates[REFERENCE]) <= 0:
        return ThroughputVerdict("inconclusive", "the reference's rate could not be measured", typical, share)
    ratios = [ours / theirs for ours, theirs in zip(rates[SUBMISSION], rates[REFERENCE], strict=True)]
    low, high = interval(ratios, median)
    ratio = median(ratios)
    told = f"{typical[SUBMISSION]:.0f} answers a second, and {typical[REFERENCE]:.0f} answers a second of the reference"
    reason = f"{told}: {ratio:.0%} (95 %: {low:.0%} to {high:.0%}), limit {share:.0%}"
    verdict: Verdict = "met" if low >= share else "not_met" if high < share else "inconclusive"
    if verdict == "met" and beside is not None and beside > BESIDE:
        verdict, reason = "inconclusive", f"the service kept the processor busy beside its own windows; {reason}"
    return ThroughputVerdict(verdict, reason, typical, share)


def rate(samples: Sequence[Sample], side: str, clients: int, window: int | None = None) -> float:
    """Return the good answers a second of a side, in one window or in all."""
    found = [sample for sample in samples if sample.side == side and window in (None, sample.window)]
    if not found:
        return 0.0
    good = sum(not sample.error for sample in found) / len(found)
    return good * clients * 1000 / fmean(sample.latency_ms for sample in found)
