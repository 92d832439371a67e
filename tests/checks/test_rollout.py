"""Which rollout plans are safe: judged on answers that are made up here, and measured on a service that is real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assesskit.checks import rollout
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted
from assesskit.instruments.router import Outcome, read_plan

REFERENCE = Path(__file__).parents[2] / "exercises/build-service/proof/reference/deploy/rollout.toml"
TRAFFIC = rollout.Traffic(per_minute=600, healthy_ms=100.0, bad_ms=250.0, budget=300)


def answers(*ms: float, good: bool = True) -> dict[str, list[Outcome]]:
    return {kind: [Outcome(good, each) for each in ms] for kind in ("read", "write")}


SAMPLES = rollout.Samples(answers(5, 20, 100), answers(305, 320, 400), answers(2, good=False))


def judge(plan: str) -> str:
    """The summary of the failure; empty when the plan is safe."""
    try:
        rollout.expect_safe(read_plan(plan), rollout.versions(SAMPLES, 0.25), TRAFFIC, Evidence())
    except Failure as failure:
        return failure.summary
    return ""


def test_a_plan_that_looks_at_shares_over_enough_requests_is_safe() -> None:
    assert judge(REFERENCE.read_text()) == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("window = 3\nmin_requests = 60", "window = 30\nmin_requests = 500"),
            "300 ms longer was rolled back too late",
        ),
        (("success_rate", "p99_ms = 5000 #"), "one request in twenty was promoted"),
        (("p95_ms = 250", "mean_ms = 250"), "300 ms longer one time in seven was promoted"),
        (("min_requests = 60\nsuccess_rate = 0.97", "min_requests = 1\nsuccess_rate = 0.99"), "a thousand was rolled"),
        (("p95_ms = 250", "p95_ms = 50"), "a healthy version was rolled back"),
        (("min_requests = 100", "min_requests = 100000"), "a healthy version was neither promoted nor rolled back"),
    ],
)
def test_a_plan_that_is_not_safe_is_told_by_the_version_that_shows_it(change: tuple[str, str], says: str) -> None:
    assert says in judge(REFERENCE.read_text().replace(*change))


def test_every_version_leaves_its_decisions_as_evidence() -> None:
    evidence = Evidence()
    rollout.expect_safe(read_plan(REFERENCE.read_text()), rollout.versions(SAMPLES, 0.25), TRAFFIC, evidence)
    assert len(evidence.collected()) == 6
    assert all("the budget is 300" in entry["data"]["text"] for entry in evidence.collected())


def test_a_plan_that_is_missing_or_cannot_be_read_is_a_failure() -> None:
    with pytest.raises(Failure, match="no file"):
        rollout.plan_of(Submitted({}, {}), "deploy/rollout.toml")
    with pytest.raises(Failure, match="cannot be carried out: steps"):
        rollout.plan_of(Submitted({"deploy/rollout.toml": b""}, {}), "deploy/rollout.toml")


class Orders(BaseHTTPRequestHandler):
    turned_away = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).turned_away -= 1
        self.send_response(503 if self.turned_away >= 0 else 201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_what_a_version_answers_is_measured_through_a_relay(port: int) -> None:
    reads, writes = [Request("GET", "/v1/orders/1")] * 2, [Request("POST", "/v1/orders", (), b"{}")] * 2
    samples = rollout.measure(port, reads, writes, 0.3, TRAFFIC)
    for kind in ("read", "write"):
        assert all(one.good and one.ms <= 100 for one in samples.usual[kind])
        assert all(one.good and 300 <= one.ms <= 400 for one in samples.slow[kind])
        assert not any(one.good for one in samples.broken[kind])


@pytest.mark.parametrize(("turned_away", "slowest"), [(3, 100), (100, rollout.USUAL_MS)])
def test_a_service_that_turns_some_or_all_writes_away_spoils_no_plan(
    port: int, turned_away: int, slowest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy service is asked again, and a broken one is not what is rolled out."""
    monkeypatch.setattr(rollout, "PAUSE", 0.0)
    monkeypatch.setattr(Orders, "turned_away", turned_away)
    reads, writes = [Request("GET", "/v1/orders/1")], [Request("POST", "/v1/orders", (), b"{}")] * 4
    usual = rollout.measure(port, reads, writes, 0.3, TRAFFIC).usual["write"]
    assert all(one.good and one.ms <= slowest for one in usual)
