"""The rate of answers beside the reference's."""

from __future__ import annotations

import random

import pytest

from assesskit.checks.throughput import judge, rate
from assesskit.instruments.load import Sample

CLIENTS = 16
RUNS = 20
QUIET = {"submission": 0.9, "reference": 0.95}


def sample(side: str, window: int, latency_ms: float, error: str = "") -> Sample:
    return Sample(side, window, 0.0, 0.0, latency_ms, 200, error, 2)


def simulated(share: float, noise: float, seed: int, windows: int = 8) -> list[Sample]:
    """Both sides on a machine of which each window gets another part; the submission serves `share` as much."""
    draw = random.Random(seed)
    samples = []
    for window in range(windows):
        for side, speed in (("submission", share), ("reference", 1.0)):
            slow = 1 + draw.expovariate(1 / noise) if noise else 1.0
            latency = 60 * slow / speed
            samples += [sample(side, window, latency * draw.uniform(0.7, 1.3)) for _ in range(int(8000 / latency))]
    return samples


def verdicts(share: float, noise: float) -> set[str]:
    return {judge(simulated(share, noise, seed), CLIENTS, 0.5, QUIET).verdict for seed in range(RUNS)}


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "met"), (0.7, "met"), (0.3, "not_met"), (0.1, "not_met")])
def test_a_quiet_machine_can_tell(share, verdict):
    """On either side of the half."""
    assert verdicts(share, 0.0) == {verdict}


@pytest.mark.parametrize("noise", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(("share", "wrong"), [(1.0, "not_met"), (0.8, "not_met"), (0.3, "met"), (0.2, "met")])
def test_a_noisy_machine_is_never_wrong(share, wrong, noise):
    """At worst it cannot tell."""
    assert wrong not in verdicts(share, noise)


def test_the_rate_is_what_clients_and_time_make_it():
    """Sixteen clients that wait 80 ms each get 200 answers a second (Little's law); failed ones are no good answers."""
    samples = [sample("submission", 0, 80.0, "status 503 instead of 200" if at % 4 == 0 else "") for at in range(100)]
    assert rate(samples, "submission", CLIENTS) == pytest.approx(150)
    assert rate(samples, "reference", CLIENTS) == 0


@pytest.mark.parametrize(
    ("busy", "why"),
    [
        ({"submission": 1.8, "reference": 0.95}, "the service kept the processor busy beside its own windows"),
        ({"submission": 0.3, "reference": 0.2}, "the machine left the reference only 20% of its processor"),
    ],
)
def test_a_reference_that_was_slowed_down_is_nothing_to_be_as_fast_as(busy, why):
    """By the machine or by the submission; a rate that is too low even so stays too low."""
    found = judge(simulated(1.0, 0.0, 1), CLIENTS, 0.5, busy)
    assert (found.verdict, found.reason.partition(";")[0]) == ("inconclusive", why)
    assert judge(simulated(0.2, 0.0, 1), CLIENTS, 0.5, busy).verdict == "not_met"


@pytest.mark.parametrize("busy", [dict.fromkeys(QUIET), {"submission": 1.9, "reference": 1.7}])
def test_a_runtime_that_bounds_no_processor_time_can_compare_rates(busy):
    """Or tells none: it is for programs one trusts."""
    assert judge(simulated(1.0, 0.0, 1), CLIENTS, 0.5, busy).verdict == "met"


def test_without_a_reference_there_is_no_verdict():
    """Too few windows, or a reference that answers nothing, are no fault of the submission's."""
    assert judge(simulated(1.0, 0.0, 1, windows=5), CLIENTS, 0.5, QUIET).verdict == "inconclusive"
    broken = [sample("reference", window, 5000.0, "no whole answer") for window in range(8)]
    ours = [one for one in simulated(1.0, 0.0, 1) if one.side == "submission"]
    assert judge([*ours, *broken], CLIENTS, 0.5, QUIET).verdict == "inconclusive"
