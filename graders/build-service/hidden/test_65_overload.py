"""More orders than can be made at once."""

from __future__ import annotations

import pytest

from assesskit.checks import overload
from assesskit.checks.creation import made, place
from assesskit.checks.http import prepared

pytestmark = pytest.mark.usefixtures("settles")
LONGEST = 3.0


@pytest.mark.criterion("resilience.isolation")
def test_reads_stay_quick_while_orders_wait(service, dependency, fresh, resource, tokens, evidence) -> None:
    """Orders that wait for a silent inventory do not keep readers waiting."""
    bearer = tokens.bearer()
    item = place(made(service, fresh()))
    reads = [prepared("GET", path, headers=bearer) for path in (item, f"{resource.path}?limit=20")]
    overload.expect_reads_unharmed(service, dependency, fresh, reads, evidence)


@pytest.mark.criterion("resilience.backpressure")
def test_too_many_orders_at_once_are_turned_away(service, dependency, fresh, evidence) -> None:
    """Each order of a burst is made or turned away in time, and the next one is made again."""
    overload.expect_excess_turned_away(service, dependency, fresh, LONGEST, evidence)
