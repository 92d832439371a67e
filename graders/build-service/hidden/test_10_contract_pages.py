"""Pages and conditions: what callers rely on when others write at the same time."""

from __future__ import annotations

import pytest

from assesskit.checks.conditional import keeps_conditions
from assesskit.checks.pagination import pages_are_stable


@pytest.mark.criterion("contract.pagination")
def test_pages_repeat_nothing_and_leave_nothing_out(service, tokens, contract, resource) -> None:
    """Who follows the cursor meets everything that existed, once, the newest first, whatever is made meanwhile."""
    pages_are_stable(service.client, tokens, contract, resource)


@pytest.mark.criterion("contract.conditional")
def test_conditions_are_kept(service, tokens, resource) -> None:
    """A reader who is up to date gets 304, a writer who is not gets 412, and of several at once one succeeds."""
    keeps_conditions(service.client, tokens, resource)
