"""Idempotency keys under stress."""

from __future__ import annotations

import pytest

from assesskit.checks import idempotency

VOLLEYS = 10


@pytest.mark.criterion("idempotency.mismatch")
def test_a_key_belongs_to_its_payload(service, dependency, fresh, resource) -> None:
    """The same key with another payload is 422, and reserves nothing."""
    idempotency.expect_other_payload_refused(service, dependency, fresh(), **{resource.count: 3})


@pytest.mark.criterion("idempotency.concurrent")
def test_simultaneous_retries_do_the_work_once(service, dependency, fresh) -> None:
    """However many requests with one key arrive at once, there is one order and one reservation."""
    for _ in range(VOLLEYS):
        idempotency.expect_done_once(service, dependency, fresh())
