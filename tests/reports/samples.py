"""Assessments as a real run of the order-service exercise leaves them: mixed, failed to build, and broken by us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.reports import pieces

from assesskit.model import (
    Assessment,
    Criterion,
    CriterionResult,
    Exercised,
    Failure,
    Gradings,
    Observation,
    Reliability,
    RouteLevel,
    RuntimeInfo,
    Score,
    ServiceLevels,
    SideLevel,
    Submitted,
    Usage,
    Verdict,
)

COMPETENCIES = {
    "api-design": "API design and contracts",
    "resilience": "Resilience",
    "idempotency": "Idempotency and data integrity",
    "runtime": "Containers and runtime",
    "observability": "Observability",
    "performance": "Performance and capacity",
    "communication": "Communication",
}


def criterion(slug: str, title: str, points: int = 5, **changes: Any) -> Criterion:
    """A criterion of the competency its id starts with."""
    names = {"contract": "api-design", "shutdown": "runtime", "tracing": "observability", "judged": "communication"}
    area = slug.split(".", maxsplit=1)[0]
    values: dict[str, Any] = {
        "id": slug,
        "title": title,
        "competency": names.get(area, area),
        "points": points,
        "explanation": f"{title}, on every request and after every restart.",
        "feedback": "The decision is made where the data is, in one statement, and a test holds it.",
        "interviewer": "Listen for who decides when two processes race.",
        "questions": ("What happens when two of these arrive at the same moment?", "Where would you test that?"),
    }
    return Criterion(**(values | changes))


def observation(slug: str, outcome: str = "passed", **changes: Any) -> Observation:
    """What one check of a criterion saw."""
    area, _, rule = slug.replace("-", "_").partition(".")
    values = {
        "check": f"hidden/test_{area}.py::test_{rule}",
        "criterion": slug,
        "visibility": "hidden",
        "outcome": outcome,
        "seconds": 1.37,
    }
    return Observation.model_validate(values | changes)


def result(wanted: Criterion, verdict: Verdict = "met", reason: str = "", *seen: Observation) -> CriterionResult:
    """A criterion's verdict; without observations it has one that fits."""
    outcomes = {"met": "passed", "not_met": "failed", "ungraded": "inconclusive"}
    observed = seen or (observation(wanted.id, outcomes[verdict], summary=reason or "Answered as agreed"),)
    return CriterionResult(
        criterion=wanted, verdict=verdict, reason=reason or "All of its checks passed.", observations=observed
    )


def _contract() -> tuple[CriterionResult, ...]:
    pagination = observation(
        "contract.errors",
        "failed",
        summary="A wrong content type was accepted: 201 instead of 415",
        sent="POST /v1/orders\nContent-Type: text/csv\n\nsku,quantity\nSKU-1,2",
        received="201 Created",
        expected="415 Unsupported Media Type with an application/problem+json body",
        rule="RFC 9110 section 15.5.16; RFC 9457",
        visibility="public",
        evidence=(pieces.exchange(),),
    )
    return (
        result(criterion("contract.openapi", "The published document keeps the contract", 4)),
        result(criterion("contract.responses", "Every response conforms to the contract", 6)),
        result(
            criterion("contract.errors", "Errors are problem details with the right status", 4),
            "not_met",
            "1 of 11 cases answered with another status",
            pagination,
        ),
    )


def _idempotency() -> tuple[CriterionResult, ...]:
    raced = observation(
        "idempotency.concurrent",
        "failed",
        summary="Two simultaneous creates with one key reserved stock twice",
        sent="2 x POST /v1/orders, Idempotency-Key: k-7f3a, the same body, at the same moment",
        received="201 with ord_01 and 201 with ord_02; 2 reservations at the inventory",
        expected="one reservation; the other request gets the same order, or 409",
        rule="draft-ietf-httpapi-idempotency-key-header section 2.6",
        evidence=(pieces.exchange(), pieces.relay(), pieces.note()),
    )
    return (
        result(criterion("idempotency.required", "A create without a key is refused", 2)),
        result(criterion("idempotency.replay", "A repeated create gives the first answer again", 6)),
        result(
            criterion("idempotency.concurrent", "Simultaneous retries do the work once", 8),
            "not_met",
            "1 of 1 check failed: the side effect happened twice",
            raced,
        ),
        result(criterion("idempotency.mismatch", "One key with another body is refused", 4)),
    )


def _resilience() -> tuple[CriterionResult, ...]:
    hung = observation(
        "resilience.timeout",
        "failed",
        summary="A hanging inventory held the caller for 30.0 s",
        sent="POST /v1/orders while the inventory accepts and never answers",
        received="500 after 30.0 s",
        expected="503 or 504 within 3 s",
        rule="The brief, section Resilience",
        evidence=(pieces.spans(), pieces.figure(), pieces.log()),
    )
    broken = observation(
        "resilience.retry-budget",
        "errored",
        summary="The relay did not record the attempts",
        detail='Traceback (most recent call last):\n  File "relay.py", line 88, in calls\nRelayGone: pipe closed',
    )
    return (
        result(
            criterion("resilience.timeout", "A hanging dependency costs a bounded wait", 6),
            "not_met",
            "The wait was not bounded",
            hung,
        ),
        result(
            criterion("resilience.retry-budget", "Retries stay within their budget", 4),
            "ungraded",
            "Our relay stopped recording in the middle of the check; this is our fault",
            broken,
        ),
    )


def _running() -> tuple[CriterionResult, ...]:
    fast = observation(
        "performance.read-latency",
        summary="8.1 ms over the reference (7.2 to 9.3), budget 15 ms",
        evidence=(pieces.latency(),),
        seconds=14.2,
    )
    return (
        result(criterion("shutdown.drain", "Shutdown finishes what was begun", 6)),
        result(criterion("tracing.joined", "One trace crosses the service to its dependency", 5)),
        result(criterion("performance.read-latency", "Reads stay within their budget", 6), "met", "", fast),
        CriterionResult(
            criterion=criterion(
                "judged.decisions",
                "Decisions are written down with their trade-offs",
                6,
                kind="judged",
                anchors=("Nothing is written.", "Choices are listed.", "Choices have reasons.", "Costs are named."),
            ),
            verdict="ungraded",
            reason="Awaits review",
        ),
    )


def assessment(results: tuple[CriterionResult, ...] | None = None, **changes: Any) -> Assessment:
    """A graded assessment with every verdict and every kind of evidence; `changes` replace its fields."""
    held = results if results is not None else (*_contract(), *_idempotency(), *_resilience(), *_running())
    missing = tuple(each.criterion.id for each in held if each.verdict == "ungraded")
    total = sum(each.criterion.points for each in held)
    lost = sum(each.criterion.points for each in held if each.verdict == "ungraded")
    started = datetime(2026, 3, 9, 14, 5, 12, tzinfo=UTC)
    values: dict[str, Any] = {
        "run": "r-20260309-1405-7c1e",
        "tool": "assesskit 0.1.0",
        "started": started,
        "finished": started + timedelta(seconds=94.6),
        "exercise": Exercised(
            slug="build-service",
            title="Build a production-grade service",
            version="1.0.0",
            digest="sha256:" + "1a" * 32,
            graders_digest="sha256:" + "2b" * 32,
            rubric_digest="sha256:" + "3c" * 32,
        ),
        "submission": Submitted(
            name="C-0142", digest="sha256:" + "4d" * 32, manifest={"tool": "assesskit 0.1.0", "files": 14}
        ),
        "runtime": RuntimeInfo(
            name="docker", version="20.10.24", isolated=True, facts={"kernel": "6.18.5", "cores": "2", "cgroup": "v1"}
        ),
        "images": {"submission": "sha256:" + "5e" * 32, "grader": "sha256:" + "6f" * 32},
        "outcome": "graded",
        "competencies": COMPETENCIES,
        "reliability": {
            each.criterion.id: Reliability(
                right=Gradings(graded=150, false=int(each.criterion.id == "contract.responses"), ungraded=3),
                wrong=Gradings(graded=40),
            )
            for each in held
            if each.criterion.id.startswith(("contract.", "idempotency.", "performance."))
        },
        "results": held,
        "score": Score(
            earned=sum(each.criterion.points for each in held if each.verdict == "met"),
            judged=total - lost,
            total=total,
            missing=missing,
        ),
        "usage": {
            "submission": Usage(cpu_seconds=11.42, memory_bytes=96 * 2**20),
            "inventory": Usage(cpu_seconds=1.08, memory_bytes=None),
        },
        "levels": ServiceLevels(
            objective=0.999, sides={"submission": side(12.4, failed=2), "reference": side(4.1, failed=0)}
        ),
        "load_seconds": 24.8,
        "seconds": {"images": 4.1, "build": 17.9, "pod": 0.4, "start": 1.2, "checks": 70.1, "report": 0.2},
    }
    return Assessment(**(values | changes))


def side(latency_ms: float, *, failed: int) -> SideLevel:
    """How one side did: a route of 400 requests that took about so long, some of which failed."""
    samples = tuple(latency_ms * (0.8 + step / 100) for step in range(100))
    route = RouteLevel(
        count=400, failed=failed, p50=latency_ms * 1.3, p95=latency_ms * 1.75, p99=latency_ms * 1.79, samples_ms=samples
    )
    return SideLevel(
        requests=400,
        failed=failed,
        routes={"GET /v1/orders/{order_id}": route},
        throughput=231.4,
        cpu_ms=3.52,
        cpu_share=0.163,
        memory_bytes=90 * 2**20,
        memory_share=0.352,
    )


def all_with(verdict: Verdict, reason: str) -> tuple[CriterionResult, ...]:
    """The sample's criteria, each with this verdict and reason and nothing observed."""
    return tuple(
        CriterionResult(criterion=each.criterion, verdict=verdict, reason=reason) for each in assessment().results
    )


def failed(outcome: Literal["submission_failed", "harness_failed"] = "submission_failed") -> Assessment:
    """An assessment that ended before a check ran: the submission's fault, or ours."""
    if outcome == "harness_failed":
        fault = Failure(phase="checks", reason="the container engine went away", log="EOF on the engine's socket")
        return assessment(all_with("ungraded", "The harness failed"), outcome=outcome, failure=fault, usage={})
    build_log = "Step 4/6 : RUN pip install -r requirements.txt\nERROR: No matching distribution found for flask==99"
    fault = Failure(phase="build", reason="step 4 of the Dockerfile ended with status 1", log=build_log)
    return assessment(all_with("not_met", "The submission did not build"), outcome=outcome, failure=fault)
