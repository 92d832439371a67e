"""Whether a service is as fast as it must be, told on a machine that is shared and noisy.

An absolute limit fails good services when the machine is busy, and a ratio to a reference passes bad ones, because
noise swells the denominator. So the submission is judged by its *difference* to a reference that is served beside it,
window by window, with an interval from a bootstrap over the windows, and with three answers: met, not met, or we cannot
tell.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean, median
from typing import Any, Literal

from assesskit.instruments.load import Sample

SUBMISSION, REFERENCE = "submission", "reference"
MIN_WINDOWS = 8
"""Fewer windows that count are too few to tell."""
QUIET_SHARE = 2 / 3
"""Of all windows must count: on a noisy machine a reference looks quiet by luck, while the other half was not."""
OWN_SHARE = 1 / 4
"""Of all windows may count at most, where the submission makes the noise: it does so all the time."""
MARGIN = 1.5
"""Noise may stretch the submission by so much more than the reference."""
MIN_WORK_MS = 0.5
"""Less processor time than this is not told from none."""
ERROR_LIMIT = 0.01
"""Share of the submission's requests that may fail."""
LUCK = 0.025
"""As likely as this, at most, are more failures than that by chance alone."""
SLOW_LIMIT = 0.05
"""Share of slow requests, beyond the reference's own share. Medians cannot see a slow tenth; this does."""
BOOTSTRAPS = 1000
SEED = 20_240_501
SHOWN = 300
"""Samples of a side that go into the evidence."""

Verdict = Literal["met", "not_met", "inconclusive"]


@dataclass(frozen=True)
class Window:
    """One window: the latencies of both sides in ms, sorted. `counts` says whether the machine was quiet enough."""

    number: int
    submission: tuple[float, ...]
    reference: tuple[float, ...]
    counts: bool

    def difference(self, part: float) -> float:
        """Return by how many ms the submission's quantile exceeds the reference's."""
        return quantile(self.submission, part) - quantile(self.reference, part)

    def slow(self, threshold_ms: float) -> float:
        """Return by how much the submission's share of requests over the threshold exceeds the reference's."""
        return _share_over(self.submission, threshold_ms) - _share_over(self.reference, threshold_ms)


@dataclass(frozen=True)
class Estimate:
    """A statistic over the windows with its 95 % interval, held against its limit."""

    what: str
    value: float
    low: float
    high: float
    limit: float

    @property
    def verdict(self) -> Verdict:
        """Return met or not met when the whole interval says so."""
        if self.low > self.limit:
            return "not_met"
        return "met" if self.high <= self.limit else "inconclusive"


@dataclass(frozen=True)
class LatencyVerdict:
    """The verdict, its reason in one line, and what it rests on."""

    verdict: Verdict
    reason: str
    budget_ms: float
    quiet_ms: float
    windows: tuple[Window, ...] = ()
    estimates: tuple[Estimate, ...] = ()

    @property
    def expected(self) -> str:
        """What the submission must keep to."""
        return f"at most {self.budget_ms:g} ms more than the reference beside it, and no failed requests"

    def evidence(self) -> dict[str, Any]:
        """Return the figures in the shape of the assessment's ``latency`` evidence."""
        differences = [estimate for estimate in self.estimates if estimate.what != SLOW_SHARE]
        worst = max(differences, key=lambda estimate: estimate.value, default=Estimate("", 0.0, 0.0, 0.0, 0.0))
        sides = {
            SUBMISSION: [latency for window in self.windows for latency in window.submission],
            REFERENCE: [latency for window in self.windows for latency in window.reference],
        }
        return {
            "budget_ms": self.budget_ms,
            "difference_ms": round(worst.value, 3),
            "low_ms": round(worst.low, 3),
            "high_ms": round(worst.high, 3),
            "sides": {name: _side(latencies) for name, latencies in sides.items() if latencies},
            "windows": [
                {"window": w.number, "difference_ms": round(w.difference(0.5), 3), "counts": w.counts}
                for w in self.windows
            ],
        }


MEDIAN = "the median latency over the reference's"
UPPER = "the upper quartile over the reference's"
SLOW_SHARE = "the share of slow requests over the reference's"


def judge(
    samples: Sequence[Sample],
    budget_ms: float,
    quiet_ms: float,
    work_ms: float | None = None,
    waiting_ms: float = 0.0,
    alone: Sequence[Sequence[Sample]] = (),
) -> LatencyVerdict:
    """Judge the submission's samples beside the reference's.

    `budget_ms` is how much slower than the reference it may be. `quiet_ms` is the reference's own figure on this
    machine while the rest of the pod stood still (`quiet_figure`). Requests over it plus two budgets are slow ones.
    `work_ms` is how much more processor time than the reference the submission uses for a request, None if unknown.
    `waiting_ms` of every answer both sides spend waiting for something of ours, which noise does not stretch.
    `alone` are samples of the reference while the submission stood still, once before the others and once after them.

    Noise stretches time on the processor, so it can make a good service look slow, but not a slow one good. So met may
    rest on all windows; not met rests on those beside which the reference was near its quiet figure; and without
    enough of these, on a median difference that stretched processor time cannot explain. Requests that failed count as
    little beside a reference that was not near it, and are told from bad luck by their number. A submission whose
    processor time for a request is by itself over the budget makes its own noise, and nothing is explained by that;
    neither by noise that was there beside the submission only, and not before and after it.
    """
    windows = _windows(samples, quiet_ms + budget_ms / 2, budget_ms / 3)
    counted = [window for window in windows if window.counts]
    own = len(counted) <= OWN_SHARE * len(windows) and _calm(alone, quiet_ms + budget_ms / 2)
    busy = own or (work_ms is not None and work_ms > budget_ms)
    every = _estimates(windows, budget_ms, quiet_ms) if len(windows) >= MIN_WINDOWS else ()
    quiet = len(counted) >= max(MIN_WINDOWS, QUIET_SHARE * len(windows))
    failed = _failed(samples, SUBMISSION)
    told = failed if busy else _failed(samples, SUBMISSION, frozenset(window.number for window in counted))
    verdict: Verdict
    if (theirs := _failed(samples, REFERENCE)).share > ERROR_LIMIT:  # first: what stops both is no fault of one
        verdict, reason = "inconclusive", f"the reference itself failed under load: {theirs}"
    elif told.certain:
        verdict, reason = "not_met", f"requests failed under load: {failed}"
    elif not every:
        verdict, reason = "inconclusive", f"only {len(windows)} windows were measured"
    elif quiet and _conclude(every)[0] != "met":
        every = _estimates(counted, budget_ms, quiet_ms)
        verdict, reason = _conclude(every)
    else:
        verdict, reason = _conclude(every)
        noise_ms = 0.0 if busy else _noise_ms(windows, every[0].low, quiet_ms - waiting_ms, work_ms, waiting_ms)
        if verdict == "not_met" and every[0].low <= budget_ms + noise_ms:
            noise = f"the machine was quiet enough in only {len(counted)} of {len(windows)} windows"
            verdict, reason = "inconclusive", f"{noise}; {reason}"
    if verdict == "met" and failed.share > ERROR_LIMIT:
        verdict, reason = "inconclusive", f"requests failed under load, too few on a quiet machine to tell: {failed}"
    return LatencyVerdict(verdict, reason, budget_ms, quiet_ms, windows, every)


def quiet_figure(samples: Sequence[Sample]) -> float:
    """Return what the reference takes in ms when nothing gets in its way: its 2nd percentile, which noise reaches last.

    The samples are taken while the rest of the pod stands still.
    """
    return quantile(sorted(sample.latency_ms for sample in samples if sample.side == REFERENCE), 0.02)


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the quantile of sorted values, between neighbours by their distance."""
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _estimates(windows: Sequence[Window], budget_ms: float, quiet_ms: float) -> tuple[Estimate, ...]:
    threshold = quiet_ms + 2 * budget_ms
    return (
        _estimate(MEDIAN, [window.difference(0.5) for window in windows], median, budget_ms),
        _estimate(UPPER, [window.difference(0.75) for window in windows], median, budget_ms),
        _estimate(SLOW_SHARE, [window.slow(threshold) for window in windows], fmean, SLOW_LIMIT),
    )


def _noise_ms(
    windows: Sequence[Window], difference_ms: float, quiet_ms: float, work_ms: float | None, waiting_ms: float
) -> float:
    """Return how much of a difference may be noise: processor time, stretched as the reference's own was.

    Where the processor time is not known, all of the difference may be it.
    """
    taken = fmean(latency for window in windows for latency in window.reference) - waiting_ms
    stretch = max(1.0, MARGIN * taken / max(quiet_ms, MIN_WORK_MS))
    if work_ms is None:
        return difference_ms - difference_ms / stretch
    return max(work_ms, MIN_WORK_MS) * (stretch - 1)


def _conclude(estimates: Sequence[Estimate]) -> tuple[Verdict, str]:
    for verdict in ("not_met", "inconclusive"):
        for estimate in estimates:
            if estimate.verdict == verdict:
                return verdict, _sentence(estimate)
    return "met", _sentence(estimates[0])


def _sentence(estimate: Estimate) -> str:
    value, low, high, limit = estimate.value, estimate.low, estimate.high, estimate.limit
    if estimate.what == SLOW_SHARE:
        return f"{estimate.what}: {value:.1%} (95 %: {low:.1%} to {high:.1%}), limit {limit:.0%}"
    return f"{estimate.what}: {value:+.1f} ms (95 %: {low:+.1f} to {high:+.1f}), budget {limit:g} ms"


def interval(values: Sequence[float], statistic: Callable[[Sequence[float]], float]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic over windows, by a bootstrap.

    Requests of one window share its noise, so the window is the unit that is drawn.
    """
    draw = random.Random(SEED)  # noqa: S311  a bootstrap that repeats exactly
    drawn = sorted(statistic(draw.choices(values, k=len(values))) for _ in range(BOOTSTRAPS))
    return quantile(drawn, 0.025), quantile(drawn, 0.975)


def _estimate(
    what: str, values: Sequence[float], statistic: Callable[[Sequence[float]], float], limit: float
) -> Estimate:
    return Estimate(what, statistic(values), *interval(values, statistic), limit)


def _windows(samples: Sequence[Sample], reference_limit: float, lag_limit: float) -> tuple[Window, ...]:
    grouped: dict[int, dict[str, list[Sample]]] = {}
    for sample in samples:
        grouped.setdefault(sample.window, {}).setdefault(sample.side, []).append(sample)
    windows = []
    for number, sides in sorted(grouped.items()):
        if {SUBMISSION, REFERENCE} <= sides.keys():
            ours, theirs = (sorted(s.latency_ms for s in sides[side]) for side in (SUBMISSION, REFERENCE))
            late = quantile(sorted(s.lag_ms for side in sides.values() for s in side), 0.95)
            quiet = quantile(theirs, 0.95) <= reference_limit and late <= lag_limit
            windows.append(Window(number, tuple(ours), tuple(theirs), quiet))
    return tuple(windows)


def _calm(alone: Sequence[Sequence[Sample]], reference_limit: float) -> bool:
    """Whether the reference was quiet in every window that it had for itself, before and after the others."""
    latencies: dict[tuple[int, int], list[float]] = {}
    for time, samples in enumerate(alone):
        for sample in samples:
            if sample.side == REFERENCE:
                latencies.setdefault((time, sample.window), []).append(sample.latency_ms)
    seen = {time for time, _ in latencies}
    return len(seen) > 1 and all(quantile(sorted(each), 0.95) <= reference_limit for each in latencies.values())


@dataclass(frozen=True)
class _Failed:
    """How many requests of a side failed, and how the first of them."""

    count: int
    total: int
    first: str

    @property
    def share(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def certain(self) -> bool:
        """Whether more than ERROR_LIMIT fail: where no more did, so many would hardly ever be among so few."""
        fewer = (
            comb(self.total, count) * ERROR_LIMIT**count * (1 - ERROR_LIMIT) ** (self.total - count)
            for count in range(self.count)
        )
        return 1 - sum(fewer) < LUCK

    def __str__(self) -> str:
        return f"{self.count} of {self.total}, the first with {self.first}"


def _failed(samples: Sequence[Sample], side: str, windows: frozenset[int] | None = None) -> _Failed:
    """Of all windows, or of these."""
    of_side = [one for one in samples if one.side == side and (windows is None or one.window in windows)]
    errors = [sample.error for sample in of_side if sample.error]
    return _Failed(len(errors), len(of_side), errors[0] if errors else "")


def _share_over(ordered: Sequence[float], threshold: float) -> float:
    return sum(latency > threshold for latency in ordered) / len(ordered)


def _side(latencies: Sequence[float]) -> Mapping[str, Any]:
    ordered = sorted(latencies)
    every = max(1, -(-len(ordered) // SHOWN))
    shown = [round(latency, 3) for latency in ordered[::every]]
    figures = {name: round(quantile(ordered, part), 3) for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {**figures, "count": len(ordered), "samples_ms": shown}
