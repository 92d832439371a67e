"""Idempotency keys, one request after the other."""

from __future__ import annotations

import pytest

from assesskit.checks import idempotency


@pytest.mark.criterion("idempotency.required")
def test_an_order_without_a_key_is_refused(service, dependency, fresh) -> None:
    """A missing Idempotency-Key is 400 and reserves nothing."""
    idempotency.expect_key_required(service, dependency, fresh())


@pytest.mark.criterion("idempotency.replay")
def test_a_retry_gets_the_first_answer(service, dependency, fresh, resource) -> None:
    """The same key and payload get the same status, body and Location, and one reservation."""
    idempotency.expect_replayed(service, dependency, fresh(**{resource.text: "by hand"}))


@pytest.mark.criterion("idempotency.replay")
def test_a_retry_gets_the_first_answer_whatever_came_after_it(service, dependency, fresh, resource) -> None:
    """Once the order is cancelled, the same key and payload still get the same status, body and Location."""
    idempotency.expect_replayed_after_cancelling(service, dependency, fresh(), resource)
