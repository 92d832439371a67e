"""The router's program between two real servers: it leads by the plan, compares, plays faults, and is never harmed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import requests
from tests.checks.moving import HOSTILE, Monolith, Service, serving

from assesskit.errors import GraderError
from assesskit.instruments.migration import Played, Router, Row, Setting, Sides
from assesskit.instruments.program import Program
from assesskit.instruments.rollout_plan import read_rollout

PLAN = """
[[stages]]
mode = "shadow"
minutes = 1
[[stages]]
mode = "mirror"
minutes = 1
[[stages]]
mode = "canary"
percent = 50
minutes = 2
[[stages]]
mode = "primary"
minutes = 1
[gate]
window = 1
min_requests = 1
success_rate = 0.9
differences = 0.0
[rollback]
window = 1
min_requests = 1
success_rate = 0.9
p95_ms = 500
differences = 0.2
"""
SETTING = Setting(objective=0.9, slow_ms=250, healthy_ms=100, deadline=1.0, settle=1.0)
ACCOUNTS = [f"a{number}" for number in range(12)]


@dataclass
class Stage:
    router: Router
    monolith: Monolith
    service: Service
    session: requests.Session = field(default_factory=requests.Session)

    def send(self, method: str, path: str, account: str, **more: object) -> requests.Response:
        headers = {"X-Account": account, **dict([self.router.key]), **more.pop("headers", {})}  # type: ignore[dict-item]
        url = f"http://127.0.0.1:{self.router.port}{path}"
        return requests.request(method, url, headers=headers, timeout=20, **more)  # type: ignore[arg-type]

    def minute(self, accounts: list[str] = ACCOUNTS) -> Row:
        """Each account makes an invoice, reads it, pays it, reads its list; accounts side by side."""

        def lane(account: str) -> None:
            made = self.send("POST", "/v1/invoices", account, json={"lines": [{"amount": 1250}]}).json()
            number = made.get("id", "none")
            self.send("GET", f"/v1/invoices/{number}", account)
            self.send("POST", f"/v1/invoices/{number}/pay", account)
            self.send("GET", f"/v1/invoices?account={account}", account)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lane, accounts))
        return self.router.minute()

    def until_canary(self) -> None:
        self.router.begin(read_rollout(PLAN), SETTING)
        while self.minute().mode != "mirror":
            pass

    def sides(self, port: int | None = None) -> Sides:
        return Sides(
            monolith=self.ports[0],
            service=port or self.ports[1],
            account="header:X-Account",
            context=("/v1/invoices",),
            headers=("content-type", "etag"),
            volatile=("/id", "/items/*/id"),
        )

    ports: tuple[int, int] = (0, 0)


@pytest.fixture(scope="module")
def router() -> Iterator[Router]:
    running = Router.start()
    yield running
    running.stop()


@pytest.fixture
def stage(router: Router) -> Iterator[Stage]:
    with ExitStack() as stack:
        monolith = Monolith()
        service = Service(monolith, None)
        ports = (stack.enter_context(serving(monolith.answer)), stack.enter_context(serving(service.answer)))
        built = Stage(router, monolith, service, ports=ports)
        service._emit = lambda row, what: monolith.apply({"id": f"{row['id']}.{row['sequence']}", "data": row})  # type: ignore[method-assign]
        router.lead(built.sides())
        yield built
        router.steer("monolith")


def test_a_healthy_service_is_led_through_every_stage_to_primary(stage: Stage) -> None:
    """What callers get is right all the while, and nothing differs."""
    stage.router.begin(read_rollout(PLAN), SETTING)
    rows = [stage.minute() for _ in range(5)]
    assert [(row.mode, row.percent, row.action, row.ended) for row in rows] == [
        ("shadow", 0, "promote", False),
        ("mirror", 0, "promote", False),
        ("canary", 50, "hold", False),
        ("canary", 50, "promote", False),
        ("primary", 100, "promote", True),
    ]
    assert stage.router.differences() == []
    assert [row.requests for row in rows][:2] == [24, 48]
    assert 0 < rows[2].live < 48
    assert (rows[4].live, rows[4].requests, rows[4].bad) == (48, 48, 0)
    assert all(row.success == 1 and row.differing == 0 and row.burn == 0 for row in rows)
    assert stage.send("GET", "/v1/invoices/m1", "a0").headers["Rollout-Side"] == "service"
    assert stage.send("GET", "/v1/other", "a0").headers["Rollout-Side"] == "monolith"


def test_the_service_is_told_the_mode_and_the_monolith_is_not(stage: Stage) -> None:
    stage.router.begin(read_rollout(PLAN), SETTING)
    stage.minute()
    assert {mode for mode, _ in stage.service.modes} == {"shadow"}
    assert {method for _, method in stage.service.modes} == {"GET"}
    stage.service.modes.clear()
    stage.minute()
    assert {mode for mode, method in stage.service.modes if method == "GET"} == {"shadow"}
    assert {mode for mode, method in stage.service.modes if method == "POST"} == {"mirror"}
    stage.service.modes.clear()
    stage.minute()
    assert {mode for mode, method in stage.service.modes if method == "POST"} == {"live"}
    assert not any("rollout-mode" in headers or "rollout-key" in headers for _, _, headers in stage.monolith.seen)


def test_an_account_stays_where_it_is_and_more_percent_only_add_accounts(stage: Stage) -> None:
    def served(percent: float) -> set[str]:
        stage.router.steer("canary", percent)
        return {one for one in ACCOUNTS if side(one) == "service"}

    def side(account: str) -> str:
        return stage.send("GET", "/v1/invoices", account).headers["Rollout-Side"]

    few, again, more, every = served(30), served(30), served(70), served(100)
    assert few == again
    assert few < more < every == set(ACCOUNTS)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Played("error", share=0.5), "success_rate"),
        (Played("latency", share=0.5, ms=600), "p95_ms"),
        (Played("value", place="/total", add=1), "differences"),
    ],
)
def test_a_fault_in_the_canary_is_rolled_back_with_its_reason(stage: Stage, fault: Played, reason: str) -> None:
    """And from then on the monolith alone answers, with what was written through the service."""
    stage.until_canary()
    stage.router.play(fault)
    row = stage.minute()
    assert (row.action, row.ended, row.fault) == ("roll back", True, fault.kind)
    assert row.reason.startswith(reason)
    assert row.bad > 0
    lists = [stage.send("GET", f"/v1/invoices?account={account}", account) for account in ACCOUNTS]
    assert {one.headers["Rollout-Side"] for one in lists} == {"monolith"}
    made = [row["id"] for answer in lists for row in answer.json()["items"]]
    assert sum(number.startswith("s") for number in made) > 0
    with pytest.raises(GraderError, match="no rollout is under way"):
        stage.router.minute()


def test_a_value_that_is_changed_is_told_by_its_pointer(stage: Stage) -> None:
    stage.until_canary()
    stage.router.play(Played("value", place="/total", add=1))
    stage.minute()
    found = stage.router.differences()
    assert {(one.place, one.monolith, one.service, one.played) for one in found} == {("/total", "1250", "1251", True)}
    assert {one.mode for one in found} == {"live", "shadow"}
    assert all(one.request.startswith("GET /v1/invoices/") for one in found)


def test_the_same_requests_are_hit_each_time(stage: Stage) -> None:
    def bad() -> list[int]:
        stage.until_canary()
        stage.router.play(Played("error", share=0.05), Played("latency", share=0.05, ms=300))
        return [stage.minute().bad]

    assert bad() == bad()


def test_a_service_that_gets_it_wrong_never_leaves_shadow(stage: Stage) -> None:
    """Lost minor units: the gate stays shut, and the rollout ends when its time is up."""
    stage.service.flaws.add("rounds")
    stage.router.begin(read_rollout(PLAN), SETTING)
    row = stage.minute(["a1"])
    assert row.reason == "the gate is shut: differences is 1.0000: 2 of 2 answers differ, above 0"
    while not row.ended:
        row = stage.minute(["a1"])
    assert (row.minute, row.action, row.mode, row.live) == (14, "hold", "shadow", 0)
    assert {one.place for one in stage.router.differences()} == {"/total", "/items/0/total"} | {
        f"/items/{at}/total" for at in range(14)
    }


def test_a_declared_difference_counts_for_none_and_is_recorded_with_its_reason(stage: Stage) -> None:
    stage.service.flaws.add("rounds")
    declared = "\n[[declared]]\nplace='/items/*/total'\nreason='the list shows whole units from now on'"
    stage.router.begin(read_rollout(PLAN + declared), SETTING)
    row = stage.minute(["a1"])
    assert (row.compared, row.differing) == (2, 1)
    told = {one.place: one.reason for one in stage.router.differences()}
    assert told == {"/total": "", "/items/0/total": "the list shows whole units from now on"}


def test_answers_that_become_equal_in_time_do_not_differ(stage: Stage) -> None:
    """The service knows of the monolith's changes only only a third of a second later."""
    stage.service.flaws.add("lags")
    stage.router.begin(read_rollout(PLAN), SETTING)
    rows = [stage.minute(ACCOUNTS[:3]) for _ in range(3)]
    assert [row.differing for row in rows] == [0, 0, 0]
    assert rows[0].compared == 6


def test_a_played_error_does_not_keep_a_mirrored_write_from_finding_what_it_is_about(stage: Stage) -> None:
    """The copy of the read that would have waited for it was answered by us."""
    stage.service.flaws.add("lags")
    stage.router.begin(read_rollout(PLAN), SETTING)
    stage.minute(ACCOUNTS[:3])
    stage.router.play(Played("error", share=0.4))
    row = stage.minute(ACCOUNTS)
    assert row.mode == "mirror"
    assert row.success is not None
    assert 0.3 < row.success < 0.9
    assert row.differing == 0


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_hostile_answers_are_failures_of_the_service_and_cost_little(stage: Stage, kind: str) -> None:
    """Callers of the monolith's accounts notice nothing but time, and those of the service get an answer of ours."""
    stage.service.flaws.add(kind)
    stage.router.begin(read_rollout(PLAN), SETTING)
    began = time.monotonic()
    assert stage.send("GET", "/v1/invoices", "a1").status_code == 200
    row = stage.router.minute()
    assert time.monotonic() - began < 8
    assert row.requests == 1
    if kind == "odd-header":
        assert (row.success, row.differing) == (1, 1)
        return
    assert (row.success, row.compared) == (0, 0)
    (way,) = stage.router.failures()[1]
    assert way
    stage.router.steer("primary")
    if kind not in {"drips", "silent", "interim"}:
        answer = stage.send("GET", "/v1/invoices", "a1")
        assert answer.status_code == 502
        assert answer.json()["title"] == "the service gave no answer"


def test_a_service_that_never_answers_costs_a_rollout_a_bounded_time(stage: Stage) -> None:
    stage.service.flaws.add("silent")
    setting = Setting(objective=0.9, slow_ms=250, healthy_ms=100, deadline=1.0, settle=1.0)
    stage.router.begin(read_rollout(PLAN), setting)
    began = time.monotonic()
    for _ in range(3):
        stage.minute()
    assert time.monotonic() - began < 25


def test_a_service_that_is_gone_is_a_failure_of_its(stage: Stage) -> None:
    with serving(stage.service.answer) as port:
        stage.router.lead(stage.sides(port))
    stage.router.begin(read_rollout(PLAN), SETTING)
    row = stage.minute(["a1"])
    assert (row.success, row.compared) == (0, 0)
    assert stage.router.failures() == (0, ["connection refused"])


def test_a_monolith_that_fails_is_told_as_ours(stage: Stage) -> None:
    stage.monolith.flaws.add("fails")
    stage.router.begin(read_rollout(PLAN), SETTING)
    stage.send("GET", "/v1/invoices", "a1")
    row = stage.router.minute()
    assert stage.router.failures()[0] > 0
    assert row.compared == 0


def test_whoever_does_not_belong_to_the_rollout_is_refused(stage: Stage) -> None:
    """The submission shares the loopback: it could spoil its own figures."""
    stage.router.begin(read_rollout(PLAN), SETTING)
    url = f"http://127.0.0.1:{stage.router.port}/v1/invoices"
    assert requests.get(url, headers={"X-Account": "a1"}, timeout=5).status_code == 403
    assert requests.get(url, headers={"X-Account": "a1", "Rollout-Key": "x"}, timeout=5).status_code == 403
    assert stage.router.minute().requests == 0
    stage.router.steer("monolith")
    assert requests.get(url, headers={"X-Account": "a1"}, timeout=5).status_code == 200


def test_a_request_without_an_account_is_the_monoliths(stage: Stage) -> None:
    stage.router.steer("primary")
    assert stage.send("GET", "/v1/invoices", "").headers["Rollout-Side"] == "monolith"


def test_a_path_belongs_to_the_context_segment_by_segment(stage: Stage) -> None:
    stage.router.steer("primary")
    assert stage.send("GET", "/v1/invoicesque", "a1").headers["Rollout-Side"] == "monolith"


def test_a_rollout_needs_to_know_the_sides() -> None:
    router = Router.start()
    try:
        with pytest.raises(GraderError, match="not told where the sides are"):
            router.begin(read_rollout(PLAN), SETTING)
        assert requests.get(f"http://127.0.0.1:{router.port}/", timeout=5).status_code == 503
    finally:
        router.stop()


def test_a_trace_crosses_the_router_with_a_span_of_its_own(stage: Stage, collector) -> None:
    program = Program("assesskit.instruments.rollout_router", "router")
    program.ask("open", port=0, token="token-a", collector=collector.port)
    try:
        router = Router(program)
        router.lead(stage.sides())
        router.steer("primary")
        trace, span = "5a" * 16, "1b" * 8
        url = f"http://127.0.0.1:{router.port}/v1/invoices"
        for flags in ("01", "00"):
            stage.service.traces.clear()
            requests.get(url, headers={"X-Account": "a1", "traceparent": f"00-{trace}-{span}-{flags}"}, timeout=5)
            (passed,) = stage.service.traces
            if flags == "01":
                sampled = passed
        assert passed == f"00-{trace}-{span}-00"
        (own,) = collector.spans(trace)
        assert sampled == f"00-{trace}-{own.span_id}-01"
        assert (own.parent_id, own.kind, own.service, own.source) == (span, "SERVER", "router", "submission")
        assert own.attributes == {"http.response.status_code": 200, "rollout.side": "service"}
    finally:
        program.stop()


def test_bodies_and_queries_cross_unchanged(stage: Stage) -> None:
    seen: list[tuple[str, str, bytes, str]] = []

    def echo(method, path, headers, body):
        seen.append((method, path, body, headers.get("content-type", "")))
        return 200, {"X-Back": "ä".encode().decode("latin-1"), "Content-Type": "application/json"}, b"{}"

    with serving(echo) as port:
        stage.router.lead(stage.sides(port))
        stage.router.steer("primary")
        body = json.dumps({"a": "ü"}, ensure_ascii=False).encode()
        stage.send("POST", "/v1/invoices/b%C3%A4?x=%20&y=a+b", "a1", data=body, headers={"Content-Type": "a/b"})
    assert seen == [("POST", "/v1/invoices/b%C3%A4?x=%20&y=a+b", body, "a/b")]
