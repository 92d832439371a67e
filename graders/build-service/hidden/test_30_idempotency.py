"""Idempotency keys under stress."""

from __future__ import annotations

import uuid

import pytest

from assesskit.checks import idempotency, interruption

VOLLEYS = 10


@pytest.mark.criterion("idempotency.mismatch")
def test_a_key_belongs_to_its_payload(service, dependency, fresh, resource) -> None:
    """The same key with another payload is 422, and reserves nothing."""
    for field, value in ((resource.count, 3), (resource.text, "something else")):
        idempotency.expect_other_payload_refused(service, dependency, fresh(), **{field: value})


@pytest.mark.criterion("idempotency.scoped")
def test_a_key_belongs_to_its_caller(service, dependency, fresh, resource, tokens) -> None:
    """The same key of another caller is another key; a caller who renews its token keeps its own."""
    others = (tokens.mint(subject="another-caller"), tokens.mint(subject="third-caller"))
    renewed = tokens.mint(jti=str(uuid.uuid4()))
    idempotency.expect_scoped(service, dependency, fresh(), others, renewed, **{resource.count: 3})


@pytest.mark.criterion("idempotency.concurrent")
def test_simultaneous_retries_do_the_work_once(service, dependency, fresh) -> None:
    """However many requests with one key arrive at once, there is one order and one reservation."""
    for _ in range(VOLLEYS):
        idempotency.expect_done_once(service, dependency, fresh())


@pytest.mark.criterion("idempotency.failed-attempt")
@pytest.mark.usefixtures("settles")
def test_a_failed_attempt_can_be_tried_again(service, dependency, fresh) -> None:
    """A first failure neither spoils the key nor leads to a second reservation."""
    interruption.expect_tried_again(service, dependency, fresh)


@pytest.mark.criterion("idempotency.restart")
def test_a_restart_keeps_what_was_acknowledged(service, dependency, fresh) -> None:
    """A retry after kill -9 gets the answer from before."""
    interruption.expect_kept(service, dependency, fresh())


@pytest.mark.criterion("idempotency.restart")
@pytest.mark.parametrize("done", [True, False], ids=["after", "before"])
def test_a_restart_resumes_what_was_under_way(service, dependency, fresh, done) -> None:
    """After kill -9 between request and answer, a retry makes one order with one reservation."""
    interruption.expect_resumed(service, dependency, fresh(), done=done)
