"""Findings are worth what they show of a recording, and a plan what its numbers add up to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripts.faults import symptoms
from tests.checks.tracebuilder import calling, span

from assesskit.checks import diagnosis
from assesskit.checks.diagnosis import Objective
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.findings import Finding, Findings, Plan
from assesskit.checks.span_recording import Recording

RECORDING = Recording(
    [
        span("1"),
        calling("2", "1", "till", attributes={"attempt": 1}),
        calling("3", "1", "bank", service="till", attributes={"attempt": 2}),
        calling("4", "1", "bank", 503),
        span("5", "1", name="pool.acquire", kind="INTERNAL", service="stock"),
        *(span(f"6{n}", "1", kind="INTERNAL") for n in range(12)),
    ]
)
"""Nested retries (2, 3), a hidden error (4), a small pool (5), and a dozen spans that show nothing."""
ALL = tuple(RECORDING.by_id)
TRUTH = symptoms().fitting(RECORDING)
PLAN = Plan({"a-b": 2000, "b-c": 600, "b-d": 650}, {"b-d": 1}, 50, jitter=True, retry_budget=0.2)
OBJECTIVE = Objective(2000, {"a-b": ("b-c", "b-d")}, ("b-d",), "a-b", ("a-b", "b-c", "b-d"))


def found(*kinds: tuple[str, tuple[str, ...]], cause: str = "nested-retries", service: str = "till") -> Findings:
    own = tuple(Finding(kind, tuple(one.zfill(16) for one in ids)) for kind, ids in kinds)
    return Findings(cause, service, own)


RETRIES = ("nested-retries", ("2", "3"))
HIDDEN = ("error-hidden", ("4",))
POOL = ("pool-too-small", ("5",))


def judged(findings: Findings) -> float:
    evidence = Evidence()
    diagnosis.expect_findings(findings, RECORDING, TRUTH, evidence)
    (score,) = [one for one in evidence.collected() if one["title"] == "F1 of the findings"]
    return float(score["data"]["value"])


def test_all_of_it_with_evidence_is_worth_everything():
    assert judged(found(RETRIES, HIDDEN, POOL)) == 1.0


def test_two_of_three_are_enough_and_one_wrong_finding_more_is_not():
    assert judged(found(RETRIES, HIDDEN)) == 0.8
    with pytest.raises(Failure, match="of 3 findings 2 are shown"):
        judged(found(RETRIES, HIDDEN, ("stampede", ("1",))))


def test_citing_everything_for_every_kind_is_worth_nothing():
    everything = found(*((kind, ALL) for kind in TRUTH))
    with pytest.raises(Failure, match=f"of {len(TRUTH)} findings 0 are shown"):
        judged(everything)


def test_a_finding_whose_spans_do_not_fit_counts_for_nothing():
    with pytest.raises(Failure):
        judged(found(("nested-retries", ("2", "60", "61")), ("error-hidden", ("5",)), POOL))


def test_a_quarter_of_the_spans_may_be_beside_the_point():
    again = [calling(f"7{n}", "1", "till", attributes={"attempt": 1}) for n in range(2)]
    recording = Recording([*RECORDING.spans, *again])
    near = found(("nested-retries", ("2", "70", "71", "60")), HIDDEN, POOL)
    truth = symptoms().fitting(recording)
    diagnosis.expect_findings(near, recording, truth, Evidence())
    far = found(("nested-retries", ("2", "70", "60", "61")), HIDDEN)
    with pytest.raises(Failure, match="of 2 findings 1 are shown"):
        diagnosis.expect_findings(far, recording, truth, Evidence())


def test_no_findings_are_worth_nothing():
    with pytest.raises(Failure, match="of 0 findings 0"):
        judged(found())


def test_twins_are_told():
    twins = found(RETRIES, RETRIES)
    with pytest.raises(Failure, match="two findings of nested-retries"):
        judged(twins)
    with pytest.raises(Failure, match="two findings of nested-retries"):
        diagnosis.expect_root_cause(twins, RECORDING, TRUTH, "nested-retries", Evidence())


ABSENT = "abcdef"
WITCHCRAFT, SPOILT = ("witchcraft", ("1",)), ("error-hidden", ("4", ABSENT))


def test_a_cited_span_that_is_not_there_is_one_that_does_not_fit():
    again = tuple(calling(f"7{n}", "1", "till", attributes={"attempt": 1}) for n in range(2))
    recording = Recording([*RECORDING.spans, *again])
    slip = found(("nested-retries", ("2", "70", "71", ABSENT)), HIDDEN, POOL)
    diagnosis.expect_findings(slip, recording, symptoms().fitting(recording), Evidence())


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        (WITCHCRAFT, "'witchcraft' is no kind of the vocabulary"),
        (SPOILT, f"not in the recording, of the spans that are cited: {ABSENT.zfill(16)}"),
    ],
)
def test_a_slip_spoils_its_own_finding_and_no_other(slip, told):
    assert judged(found(RETRIES, HIDDEN, POOL, WITCHCRAFT)) > diagnosis.ENOUGH
    diagnosis.expect_root_cause(found(RETRIES, slip), RECORDING, TRUTH, "nested-retries", Evidence())
    with pytest.raises(Failure, match="of 2 findings 1 are shown") as caught:
        judged(found(RETRIES, slip))
    assert caught.value.received == told


@pytest.mark.parametrize("service", ["till", "shop"])
def test_the_root_cause_may_be_any_service_that_shows_it(service):
    diagnosis.expect_root_cause(found(RETRIES, service=service), RECORDING, TRUTH, "nested-retries", Evidence())


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        (found(RETRIES, service="stock"), "is not what made more of"),
        (found(POOL, cause="pool-too-small", service="stock"), "is not what made more of"),
        (found(POOL), "without evidence"),
        (found(("nested-retries", ("2", "60", "61"))), "without evidence"),
    ],
    ids=["another service", "another kind", "no finding", "a finding that does not fit"],
)
def test_a_root_cause_without_its_evidence_is_a_guess(findings, told):
    with pytest.raises(Failure, match=told):
        diagnosis.expect_root_cause(findings, RECORDING, TRUTH, "nested-retries", Evidence())


def planned(**changes: object) -> Plan:
    return replace(PLAN, **changes)  # type: ignore[arg-type]  # fields by name


def test_a_plan_that_adds_up_holds():
    diagnosis.expect_plan(planned(), OBJECTIVE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"timeouts_ms": {"a-b": 2000, "b-c": 600}}, "no timeout for b-d"),
        ({"timeouts_ms": {"a-b": 2000, "b-c": 0, "b-d": 650}}, "no timeout for b-c"),
        ({"timeouts_ms": {"a-b": 2001, "b-c": 600, "b-d": 650}}, "lets a-b take 2001 ms"),
        ({"timeouts_ms": {"a-b": 1949, "b-c": 600, "b-d": 650}}, "given up after 1949 ms, .* may take 1950 ms"),
        ({"backoff_ms": 101}, "may take 2001 ms"),
        ({"timeouts_ms": {**PLAN.timeouts_ms, "x-y": 1}}, "names an edge that is none"),
        ({"retries": {}}, "repeats calls on no edge"),
        ({"retries": {"b-c": 1}, "timeouts_ms": {"a-b": 2000, "b-c": 600, "b-d": 650}}, "repeats calls on b-c"),
        ({"retries": {"b-d": 1, "a-b": 1}}, "repeats calls on b-d, a-b"),
        ({"retry_budget": 0.05}, "budget for retries is 0.05"),
        ({"retry_budget": 0.3}, "budget for retries is 0.3"),
        ({"jitter": False}, "no jitter"),
    ],
)
def test_a_plan_that_does_not_add_up_is_told_where(changes, told):
    with pytest.raises(Failure, match=told):
        diagnosis.expect_plan(planned(**changes), OBJECTIVE)
