"""Memory: last, so that whatever the other checks did to it has been seen."""

from __future__ import annotations

import json

import pytest

from assesskit.checks import memory
from assesskit.checks.creation import made
from assesskit.instruments.load import FRESH, RequestTemplate


@pytest.mark.criterion("container.within-limits")
def test_it_stays_within_its_memory(control, service, fresh, tokens, resource, facts, evidence) -> None:
    """No process was killed for the memory limit, and making orders does not use up more and more of it."""
    made(service, fresh())  # whoever makes nothing needs no memory
    headers = {**tokens.bearer(), "Content-Type": "application/json", "Idempotency-Key": FRESH}
    body = json.dumps({**resource.payload, resource.mark: f"{resource.payload[resource.mark]}-{FRESH}"})
    write = RequestTemplate("POST", resource.path, headers, body, expect=201, route=f"POST {resource.path}")
    memory.expect_within_limits(control, service, [write], **facts["growth"], evidence=evidence)
