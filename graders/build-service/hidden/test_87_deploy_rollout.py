"""The rollout plan, carried out on what the service answers."""

from __future__ import annotations

import pytest

from assesskit.checks import rollout
from assesskit.checks.creation import CREATED, place
from assesskit.checks.http import prepared

PLAN = "deploy/rollout.toml"
READS, WRITES = 24, 12


@pytest.mark.criterion("deploy.canary")
def test_the_plan_tells_a_healthy_version_from_a_faulty_one(service, fresh, submitted, facts, evidence) -> None:
    """A healthy version reaches everybody; a faulty one is taken back within the error budget."""
    plan = rollout.plan_of(submitted, PLAN)
    made = fresh()
    order = service.send(made.request())
    path = place(order) if order.response and order.response.status == CREATED else made.path
    reads = [prepared("GET", path, headers=made.bearer)] * READS
    told = dict(facts["rollout"])
    write_share, slow_by = told.pop("write_share"), told.pop("slow_by")
    traffic = rollout.Traffic(**told)
    writes = [fresh().request() for _ in range(WRITES)]
    samples = rollout.measure(service.port, reads, writes, slow_by, traffic)
    rollout.expect_safe(plan, rollout.versions(samples, write_share), traffic, evidence)
