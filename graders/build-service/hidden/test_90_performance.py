"""Under load beside the reference; last, because it takes the longest. Both sides are measured once for all of it."""

from __future__ import annotations

import json

import pytest

from assesskit.checks.comparison import Comparison, require
from assesskit.checks.creation import patiently
from assesskit.checks.expect import Failure, expect
from assesskit.checks.http import prepared
from assesskit.checks.measured import READS, RUSH, WRITES, Mix
from assesskit.instruments.load import FRESH, RequestTemplate

STORED = 40
PAGE = 20


@pytest.fixture(scope="module")
def comparison(control, relays, tokens, facts, resource):
    """Both sides, with things to read in them."""

    def mix(service, mark):
        """Fill a service; return what it is sent: reads, two of a thing to one of a page, and writes."""
        headers = tokens.bearer(key=service.name)
        reads = []
        for number in range(STORED):
            made = resource.made(service.client, headers)
            made_id = resource.made_id(made.answered())
            expect(
                made_id is not None, f"POST {resource.path}: nothing to read under load", expected="201", exchange=made
            )
            one = RequestTemplate("GET", resource.item_path(made_id), headers, route=f"GET {resource.item}")
            page = RequestTemplate("GET", f"{resource.path}?limit={PAGE}", headers, route=f"GET {resource.path}")
            reads.append(one if number % 3 else page)
        begins = f"{resource.payload[resource.mark]}-{mark}"
        body = json.dumps({**resource.payload, resource.mark: f"{begins}{FRESH}"})
        writing = {**headers, "Content-Type": "application/json", "Idempotency-Key": FRESH}
        write = RequestTemplate("POST", resource.path, writing, body, expect=201, route=f"POST {resource.path}")

        def newest():
            """The marks of a page of the newest by their ids, as far as there is one."""
            try:
                told = patiently(service, prepared("GET", f"{resource.path}?limit={PAGE}", headers=headers))
                items = told.answered().json()["items"]
                return {one["id"]: str(one[resource.mark]) for one in items}
            except (Failure, LookupError, TypeError):
                return {}

        shows = made_id in newest()
        return Mix(reads, [write], begins, lambda: list(newest().values()) if shows else None)

    edges = {"submission": relays[resource.dependency], "reference": relays[f"{resource.dependency}-reference"]}
    compared = Comparison(control, edges, mix, facts["objective"])
    yield compared
    compared.close()


@pytest.fixture(scope="module")
def reads(comparison, facts):
    """What reads take, measured once for every criterion that asks."""
    return comparison.latency(READS, facts["read_budget_ms"])


@pytest.fixture(scope="module")
def writes(comparison, facts):
    """What writes take, measured once: orders that were put off while it was measured are counted as done when they are
    measured again, so whoever is found out once is found out for every criterion that asks.
    """
    return comparison.latency(WRITES, facts["write_budget_ms"])


@pytest.mark.criterion("performance.read-latency")
def test_reads_are_as_fast_as_the_references(reads, evidence) -> None:
    """Reading a thing, and a page of things, takes little longer than it takes the reference."""
    evidence.latency("Reads of the submission beside the reference", reads.evidence())
    require(reads, READS)


@pytest.mark.criterion("performance.write-latency")
def test_writes_are_as_fast_as_the_references(writes, evidence) -> None:
    """Making a thing takes little longer than it takes the reference."""
    evidence.latency("Writes of the submission beside the reference", writes.evidence())
    require(writes, WRITES)


@pytest.mark.criterion("performance.cost")
@pytest.mark.usefixtures("reads", "writes")
def test_a_request_costs_little_more_than_the_references(comparison, facts, evidence) -> None:
    """The processor time of a request, over the reads and writes of a steady load."""
    verdict = comparison.cost(**facts["cost"])
    if verdict.ours_ms:
        evidence.figure("Processor time of a request", round(verdict.ours_ms, 2), "ms", round(verdict.limit_ms, 2))
        evidence.figure("Processor time of a request to the reference", round(verdict.theirs_ms, 2), "ms")
    require(verdict, READS)


@pytest.mark.criterion("performance.throughput")
@pytest.mark.usefixtures("writes")
def test_it_answers_as_many_as_half_of_the_references(comparison, facts, evidence) -> None:
    """With clients that ask again as soon as they are answered."""
    verdict = comparison.throughput(facts["throughput_share"])
    for name, per_second in verdict.rates.items():
        evidence.figure(f"Good answers a second of the {name}", round(per_second, 1), "requests/s")
    for name, share in verdict.busy.items():
        if share is not None:
            evidence.figure(f"Processor used by the {name}", round(100 * share), "% of its limit")
    require(verdict, RUSH)
