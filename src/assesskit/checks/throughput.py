"""Whether a service can do enough, told by what the reference can do on the same machine at the same time.

Some clients ask again as soon as they are answered. How many requests a second that makes is their number over the mean
time to an answer (Little's law), which needs no care for the edges of a window. The submission's rate over the
reference's, window by window, is judged with an interval from a bootstrap over the windows, three ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from assesskit.checks.latency import REFERENCE, SUBMISSION, Verdict, interval
from assesskit.instruments.load import Sample

MIN_WINDOWS = 6
BESIDE = 1.5
"""Of what its own windows have room for, a service may use so much: it answers late, it exports, it cleans up."""
NEEDED = 0.6
"""Of its processor, the reference must have got so much for a comparison to tell anything."""


Busy = Mapping[str, float | None]
"""By side, the share of its processor that it used over its own windows; None where the runtime cannot tell."""


@dataclass(frozen=True)
class ThroughputVerdict:
    """The verdict, its reason in one line, and the rates it rests on: requests a second, the median window's,
    and how busy each side was.
    """

    verdict: Verdict
    reason: str
    rates: dict[str, float]
    share: float
    busy: Busy

    @property
    def expected(self) -> str:
        """What the submission must keep to."""
        return f"at least {self.share:.0%} of the good answers a second that the reference beside it gives"


def judge(samples: Sequence[Sample], clients: int, share: float, busy: Busy) -> ThroughputVerdict:
    """Judge whether the submission answers at least `share` of the reference's rate.

    Only good answers count; who sheds load answers less. `busy` is how much of the processor each side has used.

    A noisy machine takes the processor from both, and with it what sets a service that works apart from one that only
    waits. So met counts only where the reference was as busy as it can be, and the submission no busier than its own
    windows allow: nobody is to slow the reference down.
    """
    windows = sorted({sample.window for sample in samples})
    rates = {side: [rate(samples, side, clients, window) for window in windows] for side in (SUBMISSION, REFERENCE)}
    typical = {side: median(found) if found else 0.0 for side, found in rates.items()}
    if len(windows) < MIN_WINDOWS or min(rates[REFERENCE]) <= 0:
        return ThroughputVerdict("inconclusive", "the reference's rate could not be measured", typical, share, busy)
    ratios = [ours / theirs for ours, theirs in zip(rates[SUBMISSION], rates[REFERENCE], strict=True)]
    low, high = interval(ratios, median)
    ratio = median(ratios)
    told = f"{typical[SUBMISSION]:.0f} answers a second, and {typical[REFERENCE]:.0f} answers a second of the reference"
    reason = f"{told}: {ratio:.0%} (95 %: {low:.0%} to {high:.0%}), limit {share:.0%}"
    verdict: Verdict = "met" if low >= share else "not_met" if high < share else "inconclusive"
    if verdict == "met" and (disturbed := _disturbed(busy)):
        verdict, reason = "inconclusive", f"{disturbed}; {reason}"
    return ThroughputVerdict(verdict, reason, typical, share, busy)


def _disturbed(busy: Busy) -> str:
    """Why the rates cannot be compared; empty when they can, or when the runtime tells no processor time."""
    ours, theirs = busy[SUBMISSION], busy[REFERENCE]
    if ours is not None and ours > BESIDE * max(1.0, theirs or 0.0):  # where nothing bounds them, both may use more
        return "the service kept the processor busy beside its own windows"
    if theirs is not None and theirs < NEEDED:
        return f"the machine left the reference only {theirs:.0%} of its processor"
    return ""


def rate(samples: Sequence[Sample], side: str, clients: int, window: int | None = None) -> float:
    """Return the good answers a second of a side, in one window or in all."""
    found = [sample for sample in samples if sample.side == side and window in (None, sample.window)]
    if not found:
        return 0.0
    good = sum(not sample.error for sample in found) / len(found)
    return good * clients * 1000 / fmean(sample.latency_ms for sample in found)
