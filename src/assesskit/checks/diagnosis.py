"""Judges findings by what a recording shows, and a plan by what has to hold between its numbers.

What a recording shows, its `truth`, is given: for each kind of the vocabulary the ids of the spans that show it. How
it is found out is the exercise's own, and no candidate has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, expect
from assesskit.checks.findings import Finding, Findings, Plan
from assesskit.checks.span_recording import Recording
from assesskit.instruments.jaeger_reading import read

FITTING = 0.75
"""Of the spans that a finding cites, such a share fits it; one does at least."""
ENOUGH = 0.75
"""F1 of the findings: four of five, or five with two wrong ones beside them."""
BUDGET = (0.1, 0.25)
"""Share of calls that may be repeated. Finagle grants 20 %; Linkerd and Kubernetes' gateways are set alike."""


Truth = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Objective:
    """What a plan has to reach: ``[grader.facts.objective]``.

    `deadline_ms` is how long customers wait. `steps` says for an edge which edges are called within it, one after the
    other. `repeatable` are the edges whose calls may be made twice.
    """

    deadline_ms: float
    steps: Mapping[str, Sequence[str]]
    repeatable: Sequence[str]
    first: str
    edges: Sequence[str] = field(default=())


def recorded(file: Path, thing: str) -> Recording:
    """The recording that the exercise hands out; `thing` is the attribute that says what a call is about.

    Raises ValueError for a file that is none, which is our fault.
    """
    return Recording(read(file.read_bytes()), thing)


def expect_findings(findings: Findings, recording: Recording, truth: Truth, evidence: Evidence) -> None:
    """The findings are those of the recording: F1 over its kinds, each with spans that show it."""
    _expect_once(findings)
    right = [one for one in findings.found if _shown(one, truth)]
    kinds = {one.kind for one in right}
    real = {kind for kind, spans in truth.items() if spans}
    precision = len(kinds) / len(findings.found) if findings.found else 0.0
    recall = len(kinds) / len(real)
    score = 2 * precision * recall / (precision + recall) if kinds else 0.0
    evidence.figure("F1 of the findings", round(score, 2), "of 1", ENOUGH)
    evidence.figure("precision: of the findings, those that count", round(precision, 2), "of 1")
    evidence.figure("recall: of what is in the recording, what was found", round(recall, 2), "of 1")
    evidence.note("The findings against the recording", _against(findings, truth))
    expect(
        score >= ENOUGH,
        f"of {len(findings.found)} findings {len(kinds)} are shown by the spans they cite",
        received=_slips(findings, recording, truth),
        expected=f"an F1 of {ENOUGH:g}: most of what is in the recording, and little that is not, each with spans of"
        f" which {FITTING:.0%} show it",
    )


def expect_root_cause(findings: Findings, recording: Recording, truth: Truth, kind: str, evidence: Evidence) -> None:
    """The root cause is `kind`, in a service whose spans show it, and a finding has the evidence."""
    _expect_once(findings)
    named = f"{findings.cause or 'nothing'} in {findings.service or 'no service'}"
    evidence.note("named as the root cause, and what it is", f"{named}; {kind}")
    evidence.figure("spans that show what is named as the root cause", len(_of(truth, findings)), "spans")
    cited = [one for one in findings.found if one.kind == findings.cause and _shown(one, truth)]
    services = {recording.by_id[one].service for one in _of(truth, findings)}
    expect(
        findings.cause == kind and findings.service in services,
        "what is named as the root cause is not what made more of one dependency's trouble than it was",
        received="the kind that it is, in a service that has no part in it"
        if findings.cause == kind
        else "another kind",
        expected="the kind without which it had stayed the trouble of one, and a service that has it",
    )
    expect(
        bool(cited),
        "the root cause is named without evidence that shows it",
        received="no finding of its kind whose spans fit",
        expected="a finding of this kind, with spans of which most show it",
    )


def _against(findings: Findings, truth: Truth) -> str:
    """A line for each kind that is in the recording or in the findings: ``found: stampede, 3 of 3 cited spans fit``."""
    lines = []
    for kind, there in truth.items():
        cited = [one for one in findings.found if one.kind == kind]
        if not cited and not there:
            continue
        ids = [each for one in cited for each in one.evidence]
        shown = any(_shown(one, truth) for one in cited)
        word = "found" if shown else "missed" if not cited else "not shown" if there else "not there"
        fit = sum(one in there for one in ids)
        lines.append(f"{word}: {kind}, {fit} of {len(ids)} cited spans fit, {len(there)} in the recording would")
    return "\n".join(lines)


def _slips(findings: Findings, recording: Recording, truth: Truth) -> str:
    """What is in no vocabulary, or not in the recording: it shows nothing, and costs no more than that."""
    kinds = [f"{one.kind[:80]!r} is no kind of the vocabulary" for one in findings.found if one.kind not in truth]
    ids = [each for one in findings.found for each in one.evidence if each not in recording.by_id]
    unknown = [f"not in the recording, of the spans that are cited: {', '.join(one[:40] for one in ids[:3])}"]
    return "\n".join([*kinds[:3], *(unknown if ids else [])])


def _of(truth: Truth, findings: Findings) -> frozenset[str]:
    return truth.get(findings.cause, frozenset())


def _expect_once(findings: Findings) -> None:
    """Raise Failure for a kind that is named twice: whoever may try again cites anything."""
    named = [one.kind for one in findings.found]
    for kind in named:
        expect(named.count(kind) == 1, f"there are two findings of {kind[:80]}", expected="one, with all its spans")


def _shown(finding: Finding, truth: Truth) -> bool:
    fit = sum(one in truth.get(finding.kind, frozenset()) for one in finding.evidence)
    return fit >= 1 and fit >= FITTING * len(finding.evidence)


def expect_plan(plan: Plan, objective: Objective) -> None:
    """The numbers hold together: from the outside in, nobody waits longer than its caller, and one edge repeats."""
    missing = [edge for edge in objective.edges if not plan.timeouts_ms.get(edge)]
    if missing:
        raise Failure(
            f"the plan has no timeout for {missing[0]}", expected=f"one for each of {', '.join(objective.edges)}"
        )
    strange = sorted({*plan.timeouts_ms, *plan.retries}.difference(objective.edges))
    expect(not strange, "the plan names an edge that is none", received=", ".join(strange)[:80])
    outer = plan.timeouts_ms[objective.first]
    expect(
        outer <= objective.deadline_ms,
        f"the plan lets {objective.first} take {outer:g} ms",
        expected=f"no more than the {objective.deadline_ms:g} ms that customers wait",
    )
    for edge, steps in objective.steps.items():
        needed = sum(_longest(plan, step) for step in steps)
        expect(
            plan.timeouts_ms[edge] >= needed,
            f"{edge} is given up after {plan.timeouts_ms[edge]:g} ms, and what it waits for may take {needed:g} ms",
            expected=f"at least the sum of {', '.join(steps)}, each with all its attempts and the pauses between them",
        )
    repeated = [edge for edge, times in plan.retries.items() if times]
    allowed = len(repeated) == 1 and repeated[0] in objective.repeatable
    expect(
        allowed,
        f"the plan repeats calls on {', '.join(repeated) or 'no edge'}",
        expected="one edge alone, next to what fails",
    )
    low, high = BUDGET
    expect(
        low <= plan.retry_budget <= high,
        f"the plan's budget for retries is {plan.retry_budget:g} of all calls",
        expected=f"from {low:g} to {high:g}",
    )
    expect(
        plan.jitter, "the plan's pauses have no jitter", expected="pauses by chance: who failed together comes apart"
    )


def _longest(plan: Plan, edge: str) -> float:
    again = plan.retries.get(edge, 0)
    return (again + 1) * plan.timeouts_ms[edge] + again * plan.backoff_ms
