"""Runs a latency comparison: the submission and the reference under the same load, in turn, on a quiet machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.intrusion import intrusion, kept_away
from assesskit.checks.latency import REFERENCE, SUBMISSION, LatencyVerdict, judge, quiet_figure
from assesskit.checks.services import Control, Service
from assesskit.instruments.load import Load, RequestTemplate, Sample

RATE = 60.0
"""Requests a second to each side."""
REST_WINDOWS, FIRST_WINDOWS, MORE_WINDOWS = 3, 12, 6
"""Of half a second, a side: to see the reference alone, to judge, and to go on while it is inconclusive."""
MAX_SECONDS = 30.0
"""Of load, altogether."""
ROUND_SECONDS = 9.0
"""What a round of MORE_WINDOWS takes."""
LOCK_SECONDS = 45.0
"""How long to wait until no other pod is under load."""


@contextmanager
def reference_running(control: Control) -> Iterator[Service]:
    """Start the reference and stop it at the end. Raises Inconclusive when it does not come up: our fault.

    Raises Failure when the submission reaches for it, or for another service beside it: then any figure is its doing.
    """
    submission, reference = control.service(SUBMISSION), control.service(REFERENCE)
    others = control.beside(SUBMISSION)
    with kept_away(submission, *others):
        reference.start()
        try:
            try:
                reference.until_ready()
            except Failure as failure:
                raise Inconclusive(f"the reference did not start: {failure.summary}") from failure
            if intruded := intrusion(submission, others):
                raise intruded  # before whoever answered is sent a token
            yield reference
        finally:
            reference.stop(2.0)


def compare(control: Control, requests: Mapping[str, Sequence[RequestTemplate]], budget_ms: float) -> LatencyVerdict:
    """Load both sides, `requests` naming the mix of each, and judge; go on while the verdict is inconclusive.

    Both services must be ready. Raises Inconclusive when other pods leave this machine no quiet moment.
    """
    if not control.quiet(LOCK_SECONDS):
        raise Inconclusive(f"other assessments kept this machine busy for {LOCK_SECONDS:g} s")
    try:
        return _measured(control, requests, budget_ms)
    finally:
        control.loud()


def require(verdict: LatencyVerdict) -> None:
    """Raise Failure when the verdict is not met, Inconclusive when there is none."""
    if verdict.verdict == "not_met":
        raise Failure(
            verdict.reason,
            sent=f"{RATE:g} requests a second, evenly spaced, kept-alive connections",
            received=verdict.reason,
            expected=f"at most {verdict.budget_ms:g} ms more than the reference beside it, and no failed requests",
        )
    if verdict.verdict == "inconclusive":
        raise Inconclusive(verdict.reason)


def _measured(control: Control, requests: Mapping[str, Sequence[RequestTemplate]], budget_ms: float) -> LatencyVerdict:
    began = time.monotonic()
    quiet_ms = quiet_figure(_at_rest(control, requests))
    before = _processor_seconds(control)
    samples = _offered(control, requests, FIRST_WINDOWS)
    verdict = judge(samples, budget_ms, quiet_ms, _work_ms(before, _processor_seconds(control), len(samples)))
    while verdict.verdict == "inconclusive" and time.monotonic() - began + ROUND_SECONDS < MAX_SECONDS:
        first = samples[-1].window + 1
        samples += [sample.moved(first) for sample in _offered(control, requests, MORE_WINDOWS)]
        verdict = judge(samples, budget_ms, quiet_ms, _work_ms(before, _processor_seconds(control), len(samples)))
    return verdict


def _processor_seconds(control: Control) -> tuple[float | None, ...]:
    return tuple(control.service(side).usage()["cpu_seconds"] for side in (SUBMISSION, REFERENCE))


def _work_ms(before: Sequence[float | None], after: Sequence[float | None], samples: int) -> float | None:
    """Return by how much a request of the submission uses more processor time; None where the runtime cannot tell."""
    used = [end - start for start, end in zip(before, after, strict=True) if start is not None and end is not None]
    return 1000 * (used[0] - used[1]) / (samples / 2) if len(used) == len(before) else None


def _at_rest(control: Control, requests: Mapping[str, Sequence[RequestTemplate]]) -> list[Sample]:
    """Load the reference while the submission is paused, so that its quiet figure is not the submission's to make."""
    submission = control.service(SUBMISSION)
    submission.pause()
    try:
        ports = {REFERENCE: control.service(REFERENCE).port}
        return Load(ports, requests, rate=RATE, windows=REST_WINDOWS, warmup_seconds=0.5).run()
    finally:
        submission.resume()


def _offered(control: Control, requests: Mapping[str, Sequence[RequestTemplate]], windows: int) -> list[Sample]:
    ports = {side: control.service(side).port for side in (SUBMISSION, REFERENCE)}
    load = Load(ports, requests, rate=RATE, windows=windows, warmup_seconds=0.5)
    samples = load.run()
    if len(samples) != load.planned:
        raise Inconclusive(f"the load generator sent {len(samples)} of {load.planned} planned requests")
    return samples
