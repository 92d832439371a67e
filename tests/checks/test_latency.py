"""The latency verdict over simulated machines: 1.5 to 2 ms of processor time a request, preempted as noise has it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from assesskit.checks.comparison import FIRST_WINDOWS, MORE_WINDOWS, require
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.latency import MIN_WINDOWS, judge, quantile, quiet_figure
from assesskit.checks.measured import READS
from assesskit.instruments.load import Sample

BUDGET_MS = 15.0
RUNS = 8
NOISE = {"quiet": (0.0, 0.0), "light": (0.08, 3.0), "heavy": (0.5, 5.0), "brutal": (0.9, 6.0)}
"""Preemptions per ms of processor time, and how long one lasts in ms."""

Extra = Callable[[random.Random], tuple[float, float]]
"""What a request of the submission costs more: ms of work and of waiting."""
RIGHT: dict[str, Extra] = {
    "as the reference": lambda draw: (0.0, 0.0),
    "half a millisecond of work": lambda draw: (0.5, 0.0),
    "eight milliseconds of work": lambda draw: (8.0, 0.0),
    "ten milliseconds of waiting": lambda draw: (0.0, 10.0),
}
WRONG: dict[str, Extra] = {
    "a query for every row": lambda draw: (5.0, 204.0),
    "a sleep under a lock": lambda draw: (0.0, 40.0),
    "work that should be cached": lambda draw: (25.0, 0.0),
    "a slow tenth": lambda draw: (0.0, 100.0 if draw.random() < 0.1 else 0.0),
}


def simulated(extra: Extra, noise: str, seed: int, windows: int = 12) -> list[Sample]:
    """Samples of both sides; `extra` is what a request of the submission costs more, in ms of work and of waiting."""
    draw = random.Random(f"{noise} {seed}")
    rate, lasts = NOISE[noise]
    samples = []
    for window in range(windows):
        level = rate * draw.uniform(0.3, 1.7)
        for side in ("submission", "reference"):
            for shot in range(24):
                work, waiting = extra(draw) if side == "submission" else (0.0, 0.0)
                latency = _preempted(draw, 1.5 + draw.expovariate(3) + work, level, lasts) + waiting
                samples.append(Sample(side, window, shot / 60, 0.3, latency, 200, "", 100))
    return samples


def slower(samples: list[Sample], side: str, longer_ms: float) -> list[Sample]:
    """The samples, those of one side all so much slower."""
    return [replace(one, latency_ms=one.latency_ms + longer_ms * (one.side == side)) for one in samples]


def verdicts(extra: Extra, noise: str, windows: int = 12, *, accounted: bool = True) -> Counter[str]:
    """Verdicts of several simulated runs, each with its own look at the reference at rest.

    Each is judged as soon as it can be: after the first windows, and again with more while it is inconclusive.
    `accounted` says whether the runtime can tell the processor time.
    """
    found: Counter[str] = Counter()
    for seed in range(RUNS):
        quiet_ms = quiet_figure(simulated(extra, noise, seed + 1000, 3))
        samples = simulated(extra, noise, seed, windows)
        work_ms = extra(random.Random(seed))[0] if accounted else None
        for seen in range(FIRST_WINDOWS, windows + 1, MORE_WINDOWS):
            judged = judge([one for one in samples if one.window < seen], BUDGET_MS, quiet_ms, work_ms)
            if judged.verdict != "inconclusive":
                break
        found[judged.verdict] += 1
    return found


@pytest.mark.parametrize("accounted", [True, False])
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("program", RIGHT)
def test_a_service_within_the_budget_never_fails(program, noise, accounted):
    """Whatever the noise; at worst we cannot tell."""
    assert verdicts(RIGHT[program], noise, accounted=accounted)["not_met"] == 0


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("program", WRONG)
def test_a_service_over_the_budget_never_passes(program, noise):
    """Whatever the noise; at worst we cannot tell."""
    assert verdicts(WRONG[program], noise)["met"] == 0


@pytest.mark.parametrize("noise", ["quiet", "light"])
@pytest.mark.parametrize(
    ("program", "verdict"), [*((name, "met") for name in RIGHT), *((name, "not_met") for name in WRONG)]
)
def test_a_quiet_machine_can_tell(program, verdict, noise):
    """With the windows of an extended run, nearly every run has a verdict."""
    assert verdicts({**RIGHT, **WRONG}[program], noise, windows=READS.most)[verdict] >= RUNS - 1


@pytest.mark.parametrize("noise", ["heavy", "brutal"])
@pytest.mark.parametrize("program", ["a query for every row", "a sleep under a lock"])
def test_waiting_is_told_on_a_noisy_machine_too(program, noise):
    """Noise stretches processor time; what a service takes without using the processor is its own."""
    assert verdicts(WRONG[program], noise)["not_met"] >= RUNS - 1


def test_noise_beside_the_reference_shuts_the_gate():
    """A difference that a noisy machine can have made is no failure, and the reason says so."""
    found = judge(simulated(RIGHT["eight milliseconds of work"], "brutal", 1), BUDGET_MS, quiet_ms=1.6)
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("the machine was quiet enough in only ")
    assert not all(window.counts for window in found.windows)


def test_noise_of_its_own_making_excuses_no_submission():
    """One that keeps the processor busier than its whole budget for every request is judged on a loud machine, too."""
    samples = simulated(WRONG["a sleep under a lock"], "brutal", 1)
    verdicts = [judge(samples, BUDGET_MS, quiet_ms=1.6, work_ms=work).verdict for work in (None, 80.0)]
    assert verdicts == ["inconclusive", "not_met"]


def test_noise_that_ends_as_soon_as_the_submission_stands_still_is_its_own():
    """One that burns processor beside its own slow reads is judged as on a quiet machine."""
    held = slower(simulated(WRONG["a sleep under a lock"], "quiet", 1), "reference", 9.0)
    alone = [simulated(RIGHT["as the reference"], "quiet", seed, 2) for seed in (2, 3)]
    quiet_ms = quiet_figure(alone[0])
    assert judge(held, BUDGET_MS, quiet_ms, 9.0).verdict == "inconclusive"
    assert judge(held, BUDGET_MS, quiet_ms, 9.0, 0.0, alone).verdict == "not_met"


@pytest.mark.parametrize("alone", [("quiet", "brutal"), ("brutal", "quiet"), ("quiet",)])
def test_noise_that_is_there_without_the_submission_is_nobodys(alone):
    """Before it or after it: then it may be the machine's."""
    slow = slower(simulated(WRONG["a sleep under a lock"], "quiet", 1), "reference", 9.0)
    rest = [simulated(RIGHT["as the reference"], noise, 2, 2) for noise in alone]
    assert judge(slow, BUDGET_MS, 1.8, 9.0, 0.0, rest).verdict == "inconclusive"


def test_a_late_generator_shuts_the_gate():
    """A window in which the plan was not kept says nothing against the submission."""
    late = [replace(sample, lag_ms=9.0) for sample in simulated(WRONG["a sleep under a lock"], "quiet", 1)]
    found = judge(late, BUDGET_MS, quiet_ms=1.6)
    assert {window.counts for window in found.windows} == {False}


def test_too_few_windows_cannot_tell():
    """However clear they are."""
    found = judge(simulated(WRONG["a query for every row"], "quiet", 1, MIN_WINDOWS - 1), BUDGET_MS, quiet_ms=1.6)
    assert (found.verdict, found.reason) == ("inconclusive", "only 7 windows were measured")
    assert judge([], BUDGET_MS, quiet_ms=1.6).verdict == "inconclusive"


@pytest.mark.parametrize(("side", "verdict"), [("submission", "not_met"), ("reference", "inconclusive")])
def test_failed_requests_are_charged_to_whose_they_are(side, verdict):
    """More than one in a hundred: the submission's are its failure, the reference's are ours."""
    samples = simulated(RIGHT["as the reference"], "quiet", 1)
    broken = [
        replace(sample, error="status 500 instead of 200") if sample.side == side else sample
        for sample in samples[:200]
    ]
    found = judge([*broken, *samples[200:]], BUDGET_MS, quiet_ms=1.6)
    assert found.verdict == verdict
    assert "of 288, the first with status 500 instead of 200" in found.reason


def test_a_machine_on_which_both_fail_cannot_tell():
    """A moment in which the reference gets no answers either says nothing about the submission."""
    samples = simulated(RIGHT["as the reference"], "quiet", 1)
    stalled = [replace(sample, status=0, error="no whole answer within 5 s") for sample in samples[:60]]
    assert judge([*stalled, *samples[60:]], BUDGET_MS, quiet_ms=1.6).verdict == "inconclusive"


def test_one_failed_request_of_a_hundred_is_no_failure():
    """Two of 288 are fewer than one in a hundred."""
    samples = simulated(RIGHT["as the reference"], "quiet", 1)
    broken = [replace(sample, error="status 500 instead of 200") for sample in samples[:2]]
    assert judge([*broken, *samples[2:]], BUDGET_MS, quiet_ms=1.6).verdict == "met"


@pytest.mark.parametrize(("count", "verdict"), [(0, "met"), (1, "inconclusive"), (3, "inconclusive"), (4, "not_met")])
def test_a_failure_or_two_of_few_requests_may_be_bad_luck(count, verdict):
    """Of 96 requests: one is more than one in a hundred, and one in a hundred may well be among them."""
    samples = simulated(RIGHT["as the reference"], "quiet", 1, windows=4)
    samples += [sample.moved(4) for sample in simulated(RIGHT["as the reference"], "quiet", 2, windows=4)]
    ours = [sample for sample in samples if sample.side == "submission" and sample.offset < 0.2]
    broken = [replace(one, error="status 500 instead of 201") for one in ours[:count]]
    assert len(ours) == 96
    found = judge([*broken, *ours[count:], *(one for one in samples if one.side == "reference")], BUDGET_MS, 1.6)
    assert found.verdict == verdict


def test_failures_beside_a_machine_that_stood_still_cannot_be_judged():
    """What was sent late came all at once: whoever turned some of it away has done nothing wrong."""
    samples = simulated(RIGHT["as the reference"], "quiet", 1)
    held = [replace(one, lag_ms=200.0, error="status 503 instead of 201") if one.window < 2 else one for one in samples]
    mine = [one for one in held if one.side == "submission"] + [one for one in samples if one.side == "reference"]
    assert judge(mine, BUDGET_MS, 1.6).verdict == "inconclusive"
    assert judge(mine, BUDGET_MS, 1.6, work_ms=80.0).verdict == "not_met"


def test_the_same_samples_have_the_same_verdict():
    """The bootstrap is drawn from a fixed seed."""
    samples = simulated(WRONG["a slow tenth"], "light", 3)
    assert judge(samples, BUDGET_MS, 1.6) == judge(samples, BUDGET_MS, 1.6)


def test_the_evidence_has_both_sides_and_the_interval():
    """Percentiles of all requests, a bounded number of samples, and every window."""
    samples = simulated(WRONG["a sleep under a lock"], "quiet", 1)
    shown = judge(samples, BUDGET_MS, 1.6).evidence()
    assert shown["budget_ms"] == BUDGET_MS
    assert shown["low_ms"] <= shown["difference_ms"] <= shown["high_ms"]
    assert abs(shown["difference_ms"] - 40) < 1
    for side in ("submission", "reference"):
        figures = shown["sides"][side]
        assert figures["count"] == 288
        assert figures["p50"] < figures["p95"] < figures["p99"]
        assert 150 <= len(figures["samples_ms"]) <= 300
    assert [window["window"] for window in shown["windows"]] == list(range(12))


def test_a_verdict_becomes_the_outcome_of_a_check():
    """Met is silence, not met the submission's failure, inconclusive neither."""
    good = judge(simulated(RIGHT["as the reference"], "quiet", 1), BUDGET_MS, 1.6)
    require(good, READS)
    slow = judge(simulated(WRONG["a sleep under a lock"], "quiet", 1), BUDGET_MS, 1.6)
    with pytest.raises(Failure, match=r"the median latency over the reference's: \+40\.\d ms"):
        require(slow, READS)
    with pytest.raises(Inconclusive, match="only 0 windows"):
        require(judge([], BUDGET_MS, 1.6), READS)


def test_quantiles_lie_between_neighbours():
    """By their distance, as numpy's default does."""
    assert [quantile([1.0, 2.0, 4.0], part) for part in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.5, 2.0, 3.0, 4.0]


def _preempted(draw: random.Random, work: float, rate: float, lasts: float) -> float:
    took = work
    while rate and (step := draw.expovariate(rate)) < work:
        work -= step
        took += draw.expovariate(1 / lasts)
    return took
