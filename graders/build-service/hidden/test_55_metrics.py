"""Figures: rate, errors and durations by route."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from assesskit.checks import metrics
from assesskit.checks.creation import made, place
from assesskit.checks.exchange import Request
from assesskit.checks.metrics import OK, PATH
from assesskit.instruments.relay import Fault

ITEM_READS, PAGE_READS, CREATIONS, REFUSED = 23, 9, 3, 5
FEW_READS, UNKNOWN, UNENTITLED, UNREADABLE, UNDECLARED = 6, 4, 5, 3, 2
IDS, PATHS = 100, 30
AT_ONCE = 6
EACH = 60
"""Requests of each kind ahead of those that count: so many that each of eight workers meets every kind."""


@pytest.mark.criterion("metrics.red")
def test_metrics_count_what_was_answered_and_stay_small(service, fresh, resource, tokens, evidence) -> None:
    """Requests are counted by method, route and status, and timed, by all workers; new ids add no series."""
    bearer = tuple(tokens.bearer().items())
    metrics.scraped(service)  # a page that nobody can read is told as that, whatever becomes of orders
    known = place(made(service, fresh()))
    ids, strangers, earlier = ([str(uuid.uuid4()) for _ in range(count)] for count in (IDS, PATHS, 2 * EACH))

    def refused(count: int) -> list[Request]:
        return [fresh(**{resource.count: -1}).request() for _ in range(count)]

    def reads(*paths: str) -> list[Request]:
        return [Request("GET", path, bearer) for path in paths]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = [known, resource.path, PATH] * EACH + [resource.item_path(one) for one in earlier[:EACH]]
        first += [f"/{one}" for one in earlier[EACH:]]
        writes = [*refused(EACH), *(fresh().request() for _ in range(EACH))]
        list(pool.map(service.send, [*writes, *reads(*first)]))
        before = metrics.settled(service)
        orders = [service.send(fresh().request()) for _ in range(CREATIONS)]
        nothing = [resource.item_path(one) for one in ids]
        wanted = [*refused(REFUSED), *reads(*[known] * ITEM_READS, *[resource.path] * PAGE_READS, *nothing)]
        sent = [*orders, *pool.map(service.send, wanted)]
        unrouted = list(pool.map(service.send, reads(*(f"/{one}" for one in strangers))))
    routes = {resource.item: ITEM_READS, resource.path: PAGE_READS}
    after = metrics.expect_counted(service, before, sent, routes, evidence, unrouted=unrouted)
    asked = f"GET {resource.item} with {IDS} ids that do not exist, and {PATHS} unknown paths"
    metrics.expect_bounded(before, after, [*ids, *strangers, *earlier], asked)


@pytest.mark.criterion("metrics.red")
@pytest.mark.usefixtures("settles")
def test_metrics_count_refusals_and_failures(service, dependency, fresh, resource, tokens, evidence) -> None:
    """Requests without a valid token, without the scope, that cannot be read, or of an order that fails count, too."""
    item = place(made(service, fresh()))
    unready, reader = fresh(), tokens.mint(resource.read)
    dependency.script(unready.mark, Fault.refuse(), always=True)
    good, foreign = (tuple(bearer.items()) for bearer in (tokens.bearer(), tokens.bearer(aud="elsewhere")))
    wanted = [
        *[Request("GET", item, good)] * FEW_READS,
        *[Request("GET", item, foreign)] * UNKNOWN,
        *[resource.fresh(reader).request() for _ in range(UNENTITLED)],
        *[fresh().request(body=b"{") for _ in range(UNREADABLE)],
        *[fresh().request(**{"Content-Type": "text/plain"}) for _ in range(UNDECLARED)],
        fresh(**{resource.mark: resource.unavailable}).request(),
        unready.request(),
    ]
    before = metrics.settled(service)
    sent = [service.send(one) for one in wanted]
    read = sum(one.request.method == "GET" and one.answered().status == OK for one in sent)
    metrics.expect_counted(service, before, sent, {resource.item: read}, evidence)
