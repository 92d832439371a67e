"""Figures: rate, errors and durations by route."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from assesskit.checks import metrics
from assesskit.checks.creation import created, made, place
from assesskit.checks.exchange import Request

ITEM_READS, PAGE_READS, CREATIONS, REFUSED = 23, 9, 3, 5
IDS, PATHS = 100, 30
AT_ONCE = 6


@pytest.mark.criterion("metrics.red")
def test_metrics_count_what_was_answered_and_stay_small(service, fresh, resource, tokens, evidence) -> None:
    """Requests are counted by method, route and status, and timed, by all workers; new ids add no series."""
    bearer = tuple(tokens.bearer().items())
    metrics.scraped(service)  # a page that nobody can read is told as that, whatever becomes of orders
    made(service, fresh())
    time.sleep(metrics.SETTLES)  # what was answered until now may be counted as late as that
    before = metrics.scraped(service)
    orders = [service.send(fresh().request()) for _ in range(CREATIONS)]
    item = next(place(one) for one in orders if created(one))
    ids, strangers = ([str(uuid.uuid4()) for _ in range(count)] for count in (IDS, PATHS))
    nothing = [resource.item_path(one) for one in ids]
    wanted = [
        *[fresh(**{resource.count: -1}).request() for _ in range(REFUSED)],
        *[Request("GET", path, bearer) for path in [item] * ITEM_READS + [resource.path] * PAGE_READS + nothing],
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = [*orders, *pool.map(service.send, wanted)]
        unrouted = list(pool.map(service.send, [Request("GET", f"/{one}", bearer) for one in strangers]))
    routes = {resource.item: ITEM_READS, resource.path: PAGE_READS}
    after = metrics.expect_counted(service, before, sent, routes, evidence, unrouted=unrouted)
    asked = f"GET {resource.item} with {IDS} ids that do not exist, and {PATHS} unknown paths"
    metrics.expect_bounded(before, after, [*ids, *strangers], asked)
