"""What /metrics says, held against what was answered: any names will do, wrong figures and endless labels show."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assesskit.checks import metrics
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure
from assesskit.checks.harness import Harness
from assesskit.checks.services import Service

ITEM, LIST, NOWHERE = "/v1/orders/{id}", "/v1/orders", "unmatched"
SENT = [("POST", 201, LIST)] * 3 + [("POST", 422, LIST)] * 2 + [("POST", 400, LIST)] + [("GET", 404, ITEM)] * 4
READS = [("GET", 200, ITEM)] * 7 + [("GET", 200, LIST)] * 4
ROUTES = {ITEM: 7, LIST: 4}

Tallied = list[tuple[str, int, str]]
Scrape = Callable[[Tallied], str]


class Figures:
    """A page of /metrics that knows what was answered, and how it is told; `page` may tell otherwise each time."""

    def __init__(self) -> None:
        self.tallied: Tallied = []
        self.page: Scrape = flask_like

    def answer(self, tallied: Tallied) -> list[Exchange]:
        self.tallied += tallied
        answers = [Response(status, Headers(()), b"", 0.0) for _, status, _ in tallied]
        return [
            Exchange(Request(method, route), answer, "", 0.0)
            for (method, _, route), answer in zip(tallied, answers, strict=True)
        ]


def flask_like(tallied: Tallied) -> str:
    """A counter and a histogram with method, route, status."""
    lines = ["# TYPE http_requests_total counter"]
    for one in sorted(set(tallied)):
        method, status, route = one
        lines.append(
            f'http_requests_total{{method="{method}",route="{route}",status="{status}"}} {tallied.count(one)}.0'
        )
    return "\n".join([*lines, *histogram(tallied, "http_request_duration_seconds", status=False)]) + "\n"


def only_a_histogram(tallied: Tallied) -> str:
    """As OpenTelemetry's exporters tell it: one histogram, other names."""
    return "\n".join(histogram(tallied, "http_server_request_duration_seconds", status=True)) + "\n"


def classes(tallied: Tallied) -> str:
    """Statuses in classes, methods in lower case."""
    text = flask_like([(method.lower(), status // 100 * 100, route) for method, status, route in tallied])
    return re.sub(r'"([2-5])00"', r'"\1XX"', text)


def open_metrics(tallied: Tallied) -> str:
    """OpenMetrics, which leaves _total out of a counter's type and knows when it was made."""
    text = flask_like(tallied).replace("TYPE http_requests_total", "TYPE http_requests")
    return f'{text}http_requests_created{{method="POST",status="201"}} 1.7e9\n# EOF\n'


def by_worker(tallied: Tallied) -> str:
    """Two workers put together by a label of their own, which splits every series."""
    lines = ["# TYPE http_requests_total counter"]
    for worker in (0, 1):
        counter = flask_like(tallied[worker::2]).splitlines()[1 : 1 + len(set(tallied[worker::2]))]
        lines += [line.replace("{", f'{{pid="{worker}",', 1) for line in counter]
    return "\n".join([*lines, *histogram(tallied, "http_request_duration_seconds", status=False)]) + "\n"


def routed_only(tallied: Tallied) -> str:
    """Wrapped around each handler: what has no handler is counted nowhere."""
    return flask_like([one for one in tallied if one[2] != NOWHERE])


def histogram(tallied: Tallied, name: str, *, status: bool) -> list[str]:
    lines = [f"# TYPE {name} histogram"]
    kept = [(method, str(code) if status else "any", route) for method, code, route in tallied]
    for method, code, route in sorted(set(kept)):
        count = kept.count((method, code, route))
        labels = f'http_request_method="{method}",http_route="{route}",http_response_status_code="{code}"'
        lines += [f'{name}_bucket{{{labels},le="{le}"}} {count}' for le in ("0.1", "1.0", "+Inf")]
        lines += [f"{name}_count{{{labels}}} {count}", f"{name}_sum{{{labels}}} {0.5 * count}"]
    return lines


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def service(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = figures.page(figures.tallied).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None: ...

    monkeypatch.setattr(metrics, "SETTLES", 0.0)
    monkeypatch.setattr(metrics, "POLL", 0.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Service("submission", {"port": server.server_address[1]}, Harness(io.BytesIO(), io.BytesIO()))
        server.shutdown()


def judged(service: Service, figures: Figures, page: Scrape) -> None:
    figures.tallied = [("GET", 200, "/readyz"), ("POST", 201, LIST)]
    figures.page = page
    before = metrics.scraped(service)
    sent = figures.answer(SENT + READS)
    unrouted = figures.answer([("GET", 404, NOWHERE)] * 3)
    metrics.expect_counted(service, before, sent, ROUTES, Evidence(), unrouted=unrouted)


@pytest.mark.parametrize("page", [flask_like, classes, open_metrics, by_worker, routed_only])
def test_names_and_forms_of_labels_are_free(service: Service, figures: Figures, page: Scrape) -> None:
    """Labels are known by what they hold."""
    judged(service, figures, page)


def test_the_count_of_a_histogram_is_a_counter(service: Service, figures: Figures) -> None:
    """One histogram by method, route and status tells rate, errors and durations."""
    judged(service, figures, only_a_histogram)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(lambda told: flask_like(told[: len(told) // 2]), "does not agree", id="of one worker"),
        pytest.param(lambda told: flask_like([one for one in told if one[1] < 400]), "does not agree", id="successes"),
        pytest.param(lambda told: flask_like([(m, s, "any") for m, s, _ in told]), "tell routes apart", id="no routes"),
        pytest.param(
            lambda told: flask_like(told).partition("# TYPE http_request_d")[0], "no histogram", id="no times"
        ),
        pytest.param(lambda told: flask_like(told + told[2:3]), "does not agree", id="one twice"),
        pytest.param(
            lambda told: re.sub(r"(_sum\S+) .*", r"\1 0", flask_like(told)),
            "requests take no time",
            id="no time at all",
        ),
        pytest.param(
            lambda told: re.sub(r".*le=\"[^+].*\n", "", flask_like(told)), "fewer than 3 buckets", id="one bucket"
        ),
        pytest.param(
            lambda told: re.sub(r'(le="1.0"} ).*', r"\g<1>0", flask_like(told)), "not cumulative", id="each by itself"
        ),
        pytest.param(
            lambda told: re.sub(r'(le="\+Inf"} .*)', r"\g<1>0", flask_like(told)), "not cumulative", id="more than all"
        ),
        pytest.param(lambda _: "", "no counter has both", id="nothing"),
    ],
)
def test_figures_that_do_not_tell_what_was_answered_show(
    service: Service, figures: Figures, page: Scrape, said: str
) -> None:
    """Too few, only the good ones, without routes, without times, none at all."""
    with pytest.raises(Failure) as caught:
        judged(service, figures, page)
    assert said in f"{caught.value.summary} {caught.value.received}"


def test_every_scrape_has_to_agree(service: Service, figures: Figures) -> None:
    """Two workers with a registry each: a scrape that is right by chance proves nothing."""
    scrapes: list[int] = []

    def page(told: Tallied) -> str:
        scrapes.append(1)
        return flask_like(told if len(scrapes) % 2 else told[:4])

    with pytest.raises(Failure, match="does not agree"):
        judged(service, figures, page)


def test_a_label_that_holds_an_id_shows(service: Service, figures: Figures) -> None:
    """Even one new series with the id in a label is one for every id to come."""
    before = metrics.scraped(service)
    figures.answer([("GET", 404, "/v1/orders/7b0c1f9e")])
    with pytest.raises(Failure, match=r"grows with every id: (http_)?route$"):
        metrics.expect_bounded(before, metrics.scraped(service), ["7b0c1f9e"], "many ids")


def test_a_page_that_grows_for_another_reason_shows(service: Service, figures: Figures) -> None:
    """Hashes of ids are as endless as ids."""
    before = metrics.scraped(service)
    figures.answer([("GET", 404, f"/{number}") for number in range(metrics.MORE_SERIES + 1)])
    with pytest.raises(Failure, match="grows with what is asked for"):
        metrics.expect_bounded(before, metrics.scraped(service), ["none of them"], "many ids")


def test_an_id_from_before_shows_too(service: Service, figures: Figures) -> None:
    """A page that keeps the first ids it meets, and only those, grew with them."""
    figures.answer([("GET", 404, "/v1/orders/7b0c1f9e")])
    before = metrics.settled(service)
    with pytest.raises(Failure, match=r"grows with every id: (http_)?route$"):
        metrics.expect_bounded(before, metrics.scraped(service), ["7b0c1f9e"], "many ids")


def eight_workers(tallied: Tallied) -> str:
    """Eight workers and three families, told apart by a label: each kind a worker meets adds three series."""
    shares: list[Tallied] = [[] for _ in range(8)]
    for number, kind in enumerate(sorted(set(tallied))):
        for turn in range(tallied.count(kind)):
            shares[(number + turn) % 8].append(kind)
    lines = []
    for worker, share in enumerate(shares):
        said = histogram(share, "seconds", status=True) + histogram(share, "bytes", status=True)
        said += flask_like(share).splitlines()[1 : 1 + len(set(share))]
        lines += [line.replace("{", f'{{pid="{worker}",', 1) for line in said if not line.startswith("#")]
    types = ("seconds histogram", "bytes histogram", "http_requests_total counter")
    sort = {name.split()[0]: [line for line in lines if line.startswith(name.split()[0])] for name in types}
    return "\n".join(text for name in types for text in (f"# TYPE {name}", *sort[name.split()[0]])) + "\n"


def test_what_each_worker_meets_first_is_no_growth(service: Service, figures: Figures) -> None:
    """Figures by worker: once every worker has met every kind of request, others of the same kinds add nothing."""
    kinds: Tallied = [("POST", 422, LIST), ("GET", 404, ITEM), ("GET", 404, NOWHERE)]
    figures.page = eight_workers
    empty = metrics.settled(service)
    figures.answer(kinds * 8)
    before = metrics.settled(service)
    figures.answer(kinds * 30)
    after = metrics.scraped(service)
    metrics.expect_bounded(before, after, ["none of them"], "many ids")
    with pytest.raises(Failure, match="grows with what is asked for"):
        metrics.expect_bounded(empty, after, ["none of them"], "many ids")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param("# TYPE a counter\na{b=c} 1\n", "not in the Prometheus text format", id="unquoted"),
        pytest.param('{"requests": 17}', "not in the Prometheus text format", id="JSON"),
        pytest.param("a{" + 'b="c",' * 10_000 + "} 1\n", "a line is longer", id="a line without end"),
        pytest.param("# " + "x\n# " * 1_000_000, "more than 2048 KiB", id="a page without end"),
    ],
)
def test_a_page_that_is_none_is_a_failure_at_once(service: Service, figures: Figures, page: str, said: str) -> None:
    """Garbage and floods are told as what they are."""
    figures.page = lambda _: page
    with pytest.raises(Failure, match=said):
        metrics.scraped(service)
