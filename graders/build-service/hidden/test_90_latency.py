"""Reads beside the reference, under the same load; last, because it takes the longest."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from assesskit.checks.comparison import compare, reference_running, require
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.services import Control, Service
from assesskit.checks.tokens import Tokens
from assesskit.instruments.load import RequestTemplate

ORDERS = 60


@pytest.mark.criterion("performance.read-latency")
def test_reads_are_as_fast_as_the_reference(
    control: Control, service: Service, tokens: Tokens, facts: Mapping[str, Any], evidence: Evidence
) -> None:
    """Reading an order, and a page of orders, takes little longer than it takes the reference."""
    with reference_running(control) as reference:
        try:
            theirs = reads(reference, tokens.mint(key="reference"))
        except Failure as failure:
            raise Inconclusive(f"the reference took no orders: {failure.summary}") from failure
        ours = reads(service, tokens.mint(key="submission"))
        verdict = compare(control, {"submission": ours, "reference": theirs}, facts["read_budget_ms"])
    evidence.latency("Reads of the submission beside the reference", verdict.evidence())
    require(verdict)


def reads(service: Service, token: str) -> list[RequestTemplate]:
    """Fill a service with orders; return the mix of reads: two of an order, then one of a page."""
    headers = {"Authorization": f"Bearer {token}"}
    mix = []
    for number in range(ORDERS):
        order = {"sku": f"READ-{number:04}", "quantity": 1 + number % 5}
        made = service.request(
            "POST", "/v1/orders", headers={**headers, "Idempotency-Key": str(uuid.uuid4())}, json=order
        )
        stored = made.json() if made.status == 201 else {}
        expect(
            "id" in stored, f"POST /v1/orders answered {made.status}: no order to measure reads with", expected="201"
        )
        path = f"/v1/orders/{stored['id']}"
        mix.append(RequestTemplate("GET", path if number % 3 else "/v1/orders?limit=20", headers))
    return mix
