"""Whether /metrics tells rate, errors and durations by route, over all workers, and stays small.

Names are free: a label is known by what it holds. The method label holds "POST", the status label "201" or "2xx".

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client.parser import text_string_to_metric_families

from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.expect import Failure, expect
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls

PATH = "/metrics"
FORMAT = "the Prometheus text format, 0.0.4"
LARGEST = 2 * 1024 * 1024
"""Bytes of a page that somebody would still scrape every few seconds."""
LONGEST_LINE = 16 * 1024
SETTLES = 3.0
"""Seconds until what was answered must have been counted."""
POLL = 0.1
SCRAPES = 6
"""In a row that must tell the same; each on a connection of its own, so that any worker may answer."""
MORE_SERIES = 40
"""By how many a hundred new ids may make the page longer."""
FEWEST_BUCKETS = 3
"""Of a series; with fewer there is no percentile."""
OK = 200

Labels = frozenset[tuple[str, str]]
Bucket = tuple[Labels, float]
"""The series it is of, and its upper bound."""
Key = TypeVar("Key")


@dataclass(frozen=True)
class Fault:
    """What is wrong with the figures, and what they say."""

    summary: str
    received: str


@dataclass(frozen=True)
class Page:
    """One scrape: of each counter, and of each histogram's own count, the series and their values; of each histogram
    the sums and the buckets, too.
    """

    counts: Mapping[str, Mapping[Labels, float]]
    sums: Mapping[str, Mapping[Labels, float]]
    buckets: Mapping[str, Mapping[Bucket, float]]
    series: frozenset[tuple[str, Labels]]

    def since(self, before: Page) -> Page:
        """By how much each series grew."""
        counts, sums = _grown(before.counts, self.counts), _grown(before.sums, self.sums)
        return Page(counts, sums, _grown(before.buckets, self.buckets), self.series - before.series)


def scraped(service: Service) -> Page:
    """Read /metrics. Raises Failure when it is not there, not in the format, or larger than anybody would scrape."""
    exchange = service.send(Request("GET", PATH), most=LARGEST)
    answer = exchange.answered()
    expect(answer.status == OK, f"GET {PATH} answered {answer.status}", expected="200", exchange=exchange)
    expect(
        not answer.truncated,
        f"GET {PATH}: more than {LARGEST // 1024} KiB",
        sent=exchange.sent(),
        received=f"{len(answer.body)} bytes{', and more' if answer.truncated else ''}",
        expected="a page that can be fetched every few seconds",
        exchange=exchange,
    )
    text = answer.body.decode("utf-8", "replace")
    try:
        if any(len(line) > LONGEST_LINE for line in text.splitlines()):
            raise ValueError(f"a line is longer than {LONGEST_LINE} characters")
        return _page(text)
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise Failure(
            f"GET {PATH} is not in the Prometheus text format: {str(error)[:200]}",
            sent=exchange.sent(),
            received=exchange.received(),
            expected="metric families with # TYPE lines",
            rule=FORMAT,
            exchange=exchange,
        ) from error


def settled(service: Service) -> Page:
    """The page, once all that was answered until now must be on it. Raises Failure as `scraped` does."""
    with Stalls() as stalls:
        while stalls.within(SETTLES):
            time.sleep(POLL)
    return scraped(service)


def expect_counted(
    service: Service,
    before: Page,
    exchanges: Sequence[Exchange],
    routes: Mapping[str, int],
    evidence: Evidence,
    *,
    unrouted: Sequence[Exchange] = (),
) -> Page:
    """Since `before`, what was answered is counted by method and status, by route, and by a histogram of durations.

    `exchanges` are all requests below the API that were sent since, but for the `unrouted`, to paths that have no
    handler: those need not be counted. `routes` says of some GETs with 200 how many went to each route. Return the page
    that says so.
    """
    answered, free = _ends(exchanges), _ends(unrouted)
    agreed = 0
    with Stalls() as stalls:
        while True:
            page = scraped(service)
            grown = page.since(before)
            fault = _counter_fault(grown.counts, answered, free, routes) or _histogram_fault(grown, answered)
            agreed = 0 if fault else agreed + 1
            if agreed == SCRAPES:
                evidence.figure("series on /metrics", len(page.series), "series")
                return page
            if fault and not stalls.within(SETTLES):
                raise _uncounted(fault, answered)
            time.sleep(POLL if fault else 0.0)


def _ends(exchanges: Iterable[Exchange]) -> Counter[tuple[str, int]]:
    return Counter((one.request.method, one.answered().status) for one in exchanges)


def _uncounted(fault: Fault, answered: Counter[tuple[str, int]]) -> Failure:
    return Failure(
        fault.summary,
        sent=", ".join(f"{count} x {method} answered {status}" for (method, status), count in answered.items()),
        received=fault.received,
        expected="requests counted, and a histogram of durations, by method, route and status, by all workers together",
        rule=FORMAT,
    )


def expect_bounded(before: Page, after: Page, values: Iterable[str], asked: str) -> None:
    """Many new ids and paths made the page hardly longer. `asked` says in words what they were.

    Until `before`, others of the same kinds had been asked for, so often that every worker had met each kind: the first
    of a kind may add a series in each family, and for each worker where a label tells them apart. `values` are parts of
    all ids and paths, of those others, too: none of them may be in a label.
    """
    told = set(values)
    new = after.series - before.series
    for name, labels in sorted(after.series, key=lambda one: (one[0], sorted(one[1]))):
        for label, value in labels:
            expect(
                not any(one in value for one in told),
                f"{name} has a label that grows with every id: {label}",
                sent=asked,
                received=f'{name}{{{label}="{value[:100]}"}}',
                expected="the route's template as the label, and one value for all unknown paths",
            )
    expect(
        len(new) <= MORE_SERIES,
        f"{PATH} grows with what is asked for",
        sent=asked,
        received=f"{len(new)} new series",
        expected=f"at most {MORE_SERIES}",
    )


def _page(text: str) -> Page:
    counts: dict[str, dict[Labels, float]] = {}
    sums: dict[str, dict[Labels, float]] = {}
    buckets: dict[str, dict[Bucket, float]] = {}
    series: set[tuple[str, Labels]] = set()
    counters: set[str] = set()
    for family in text_string_to_metric_families(text):
        # OpenMetrics names the type of a counter without the end that its samples have
        counter = family.type == "counter" or family.name.removesuffix("_total") in counters
        counters |= {family.name} if counter else set()
        for sample in family.samples:
            labels = frozenset((name, value) for name, value in sample.labels.items() if name != "le")
            series.add((family.name, labels))
            part = sample.name.removeprefix(family.name) if family.type == "histogram" else ""
            own = counter and not sample.name.endswith("_created")
            if own or part == "_count":
                counts.setdefault(family.name, {})[labels] = sample.value
            if part == "_sum":
                sums.setdefault(family.name, {})[labels] = sample.value
            if part == "_bucket":
                buckets.setdefault(family.name, {})[labels, float(sample.labels["le"])] = sample.value
    return Page(counts, sums, buckets, frozenset(series))


def _grown(
    before: Mapping[str, Mapping[Key, float]], after: Mapping[str, Mapping[Key, float]]
) -> dict[str, dict[Key, float]]:
    return {
        name: {key: value - before.get(name, {}).get(key, 0.0) for key, value in values.items()}
        for name, values in after.items()
    }


def _counter_fault(
    grown: Mapping[str, Mapping[Labels, float]],
    answered: Mapping[tuple[str, int], int],
    free: Mapping[tuple[str, int], int],
    routes: Mapping[str, int],
) -> Fault | None:
    """What is wrong with the counter that is the least wrong, or that there is none; None when one tells it all."""
    told = [(_tallies(series, answered, free), name, series) for name, series in grown.items()]
    known = [one for one in told if any(counted is not None for counted, _ in one[0].values())]
    if not known:
        return Fault("no counter has both the method and the status of requests as labels", "")
    tallies, name, series = min(known, key=lambda one: (sum(not right for _, right in one[0].values()), one[1]))
    if not all(right for _, right in tallies.values()):
        lines = [f"{method} {status}: {counted or 0:+.1f}" for (method, status), (counted, _) in tallies.items()]
        return Fault(f"{name} does not agree with what was answered", "\n".join(lines))
    gets = _values(series, "GET", "200", "2xx")
    if not any(set(routes.values()) <= sums for sums in _sums_by_label(gets)):
        wanted = ", ".join(f"{count} x GET {route}" for route, count in routes.items())
        return Fault(f"{name} does not tell routes apart", f"no label whose values stand for {wanted}")
    return None


def _sums_by_label(series: Mapping[Labels, float]) -> list[set[float]]:
    """For each label by itself: what the series with each of its values come to. Other labels may split them more."""
    sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for labels, value in series.items():
        for label, held in labels:
            sums[label][held] += value
    return [set(each.values()) for each in sums.values()]


def _tallies(
    series: Mapping[Labels, float], answered: Mapping[tuple[str, int], int], free: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], tuple[float | None, bool]]:
    """What one counter says of each method and status, None for nothing, and whether that is right."""
    tallies: dict[tuple[str, int], tuple[float | None, bool]] = {}
    for one in answered:
        method, status = one
        found, alike = _values(series, method, str(status)).values(), [one]
        if not found:  # its label may hold the class alone
            found = _values(series, method, f"{status // 100}xx").values()
            alike = [each for each in {*answered, *free} if each[0] == method and each[1] // 100 == status // 100]
        count, spare = (sum(ends.get(each, 0) for each in alike) for ends in (answered, free))
        more = method == "GET" and status == OK and sum(found) > count  # probes and scrapes are counted, too
        right = count <= sum(found) <= count + spare
        tallies[one] = (sum(found) if found else None, right or more)
    return tallies


def _histogram_fault(grown: Page, answered: Mapping[tuple[str, int], int]) -> Fault | None:
    """Why no histogram tells how long requests took; None when one does."""
    posts = sum(count for (method, _), count in answered.items() if method == "POST")
    fault = Fault("no histogram of durations has the method of requests as a label", "")
    for name in sorted(grown.sums.keys() & grown.counts.keys()):
        own = [labels for labels in grown.counts[name] if _holds(labels, {"post"})]
        counted = sum(grown.counts[name][labels] for labels in own)
        summed = sum(grown.sums[name].get(labels, 0.0) for labels in own)
        if own and counted != posts:
            fault = Fault(f"{name} does not agree with what was answered", f"POST: {counted:+.1f} of {posts}")
        elif own and summed <= 0:
            fault = Fault(f"{name} says that requests take no time", f"the sum of {posts} x POST: {summed:+.1f}")
        elif own and (unlike := _unlike(grown.buckets.get(name, {}), {one: grown.counts[name][one] for one in own})):
            fault = Fault(f"{name} {unlike}", "")
        elif own:
            return None
    return fault


def _unlike(buckets: Mapping[Bucket, float], counts: Mapping[Labels, float]) -> str:
    """What is wrong with the buckets of some series and their counts; empty when each holds all up to its bound."""
    bounds: defaultdict[Labels, dict[float, float]] = defaultdict(dict)
    for (labels, bound), value in buckets.items():
        bounds[labels][bound] = value
    for labels, count in counts.items():
        own = bounds[labels]
        if len(own) < FEWEST_BUCKETS:
            return f"has fewer than {FEWEST_BUCKETS} buckets: an average, and no percentile"
        told = [0.0, *(own[bound] for bound in sorted(own)), count]
        if own.get(math.inf) != count or any(lower > upper for lower, upper in itertools.pairwise(told)):
            return 'has buckets that are not cumulative: each holds those before it, and "+Inf" all'
    return ""


def _values(series: Mapping[Labels, float], method: str, *statuses: str) -> dict[Labels, float]:
    return {
        labels: value
        for labels, value in series.items()
        if _holds(labels, {method.lower()}) and _holds(labels, set(statuses))
    }


def _holds(labels: Labels, values: set[str]) -> bool:
    return any(value.lower().removesuffix(".0") in values for _, value in labels)
