"""Conditional requests against a right service and against the mistakes people make in one."""

from __future__ import annotations

import pytest
from tests.checks.served import RESOURCE, Serve

from assesskit.checks.conditional import keeps_conditions
from assesskit.checks.expect import Failure
from assesskit.checks.tokens import Tokens


def test_conditions_that_are_kept_pass(serve: Serve, tokens: Tokens) -> None:
    """Lists, weak tags and * are understood, and one of several wins."""
    keeps_conditions(serve(), tokens, RESOURCE)


FLAWS = {
    "no ETag": "what was read came without ETag",
    "weak tag": "what was read came with the ETag W/",
    "random tag": "an unchanged state had one ETag when it was read, and another",
    "whole header": "first If-None-Match with a list that holds it: expected 304, got 200",
    "tag as text": "first If-None-Match with a list of others: expected 200, got 304",
    "strong reads": "first If-None-Match with the weak form of it: expected 304, got 200",
    "304 without ETag": "304 came without the ETag of the state",
    "weak writes": "first If-Match with the weak form of the current tag: expected 412, got 200",
    "If-Match ignored": "first If-Match with another tag: expected 412, got 200",
    "race": "cancelled the same state at the same moment, and more than one of them succeeded",
}


@pytest.mark.parametrize(("flaw", "told"), FLAWS.items())
def test_a_condition_that_is_not_kept_is_told(flaw: str, told: str, serve: Serve, tokens: Tokens) -> None:
    """Each kind of mistake is found, and told with what was expected."""
    with pytest.raises(Failure) as failed:
        keeps_conditions(serve(flaw), tokens, RESOURCE)
    assert told in failed.value.summary
    assert failed.value.expected


def test_a_tag_that_survives_a_change_is_told(serve: Serve, tokens: Tokens) -> None:
    """The tag of what never changes makes the change invisible."""
    with pytest.raises(Failure) as failed:
        keeps_conditions(serve("tag of the id"), tokens, RESOURCE)
    assert "the ETag after a change: it is" in failed.value.received
