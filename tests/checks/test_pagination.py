"""Paging against a right service and against the mistakes people make in one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.checks.served import RESOURCE, Serve

from assesskit.checks.expect import Failure
from assesskit.checks.pagination import pages_are_stable
from assesskit.checks.tokens import Tokens


def test_stable_pages_pass(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """A cursor that names the last thing of a page passes."""
    pages_are_stable(serve(), tokens, contract, RESOURCE)


def test_a_clock_of_whole_seconds_passes(serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """What has the same time by the only clock that anybody can see may come in any order."""
    pages_are_stable(serve("whole seconds"), tokens, contract, RESOURCE)


def test_what_is_made_while_paging_never_stands_among_what_was_there(
    serve: Serve, tokens: Tokens, contract: dict[str, Any]
) -> None:
    """By a clock of whole seconds, and ids that put the newest of a second last, it would be met on every page."""
    pages_are_stable(serve("whole seconds", "ids that fall"), tokens, contract, RESOURCE)


def test_a_clock_of_whole_seconds_passes_on_a_busy_machine(
    serve: Serve, tokens: Tokens, contract: dict[str, Any]
) -> None:
    """The last of one batch and the first of the next may have one time, however long each batch took."""
    shorter = copy.deepcopy(contract)
    limit = next(one for one in shorter["paths"][RESOURCE.path]["get"]["parameters"] if one["name"] == "limit")
    limit["schema"]["default"] = 9
    pages_are_stable(
        serve("whole seconds", "ids that fall", "wakes slowly", "pages of nine"), tokens, shorter, RESOURCE
    )


FLAWS = {
    "oldest first, same time for all": "did not lead from the newest to the oldest",
    "offset": "a later page of GET /v1/orders repeats what came before",
    "oldest first": "did not lead from the newest to the oldest",
    "a page too many": "the first page of GET /v1/orders holds 2 orders",
    "no last page": "is empty as the one before, and there is no last one",
    "skips one": "left out some that existed when it began",
    "hides the cancelled": "left out some that existed when it began",
    "lists only one's own": "left out some that existed when it began",
    "any cursor": "every cursor was taken for one of the service's own",
    "number as cursor": "answered 200 and no page",
}


@pytest.mark.parametrize(("flaw", "told"), FLAWS.items())
def test_a_flaw_in_paging_is_told(flaw: str, told: str, serve: Serve, tokens: Tokens, contract: dict[str, Any]) -> None:
    """Each kind of mistake is found, and told in words of its own."""
    with pytest.raises(Failure) as failed:
        pages_are_stable(serve(*flaw.split(", ")), tokens, contract, RESOURCE)
    assert told in failed.value.summary
    assert failed.value.sent
    assert failed.value.expected
