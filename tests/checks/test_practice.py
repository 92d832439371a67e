"""The checks of idempotency, probes, time limits, traces and logs: a right service passes, each flaw shows.

The service, the relay and the collector are real; only the service's logs come from memory.
"""

from __future__ import annotations

import http.client

import pytest
from tests.checks.keeping import flawed, fresh, submission
from tests.checks.served import RESOURCE

from assesskit.checks import idempotency, logs, probes, resilience, tracing
from assesskit.checks.creation import Creation, created, place
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Exchange, Headers, Request, Response
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.collector import Collector
from assesskit.instruments.relay import Fault, Relay


def test_a_right_service_keeps_every_promise_about_keys(service: Service, relay: Relay) -> None:
    """Required, replayed, bound to its payload, and done once by simultaneous requests that wait."""
    idempotency.expect_key_required(service, relay, fresh())
    idempotency.expect_replayed(service, relay, fresh())
    idempotency.expect_other_payload_refused(service, relay, fresh(), quantity=3)
    idempotency.expect_done_once(service, relay, fresh())


@flawed("busy says 409")
def test_a_conflict_while_the_first_runs_is_right_too(service: Service, relay: Relay, order: Creation) -> None:
    """409 for the simultaneous ones is as good as waiting."""
    idempotency.expect_done_once(service, relay, order)


@flawed("busy says 409, lets go late")
def test_a_replay_may_come_just_after_the_key_was_let_go(service: Service, relay: Relay, order: Creation) -> None:
    """Whoever comes back at once gets 409 for a moment, and the first answer after it."""
    idempotency.expect_replayed_after_cancelling(service, relay, order, RESOURCE)


@flawed("busy says 409, lets go late")
def test_a_refusal_may_come_just_after_the_key_was_let_go(service: Service, relay: Relay, order: Creation) -> None:
    """Whoever comes back at once with another payload gets 409 for a moment, and 422 after it."""
    idempotency.expect_other_payload_refused(service, relay, order, quantity=3)


@flawed("no lock")
def test_two_orders_of_one_key_show(service: Service, relay: Relay, order: Creation) -> None:
    """Check-then-act is caught by the first volley."""
    with pytest.raises(Failure, match="more than one was made"):
        idempotency.expect_done_once(service, relay, order)


@flawed("busy says 503")
def test_who_is_turned_away_shows_unless_the_machine_stood_still(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 for one of several is wrong, and may be the machine's where it stood still meanwhile."""
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match="simultaneous requests with one key: one of them got 503"):
        idempotency.expect_done_once(service, relay, fresh())
    monkeypatch.setattr(Stalls, "explained", 1000.0)
    with pytest.raises(Inconclusive, match="503, but this machine stood still"):
        idempotency.expect_done_once(service, relay, fresh())


@flawed("late unique key")
def test_work_done_twice_shows_behind_one_order(service: Service, relay: Relay, order: Creation) -> None:
    """One order in every answer, and yet more than one reservation."""
    with pytest.raises(Failure, match="the dependency did the work more than once"):
        idempotency.expect_done_once(service, relay, order)


@flawed("replay says 200", "no replay")
def test_another_answer_to_a_retry_shows(service: Service, relay: Relay, order: Creation) -> None:
    """Another status, or another order, is no replay."""
    with pytest.raises(Failure, match="an identical retry got another"):
        idempotency.expect_replayed(service, relay, order)


@flawed("", "never cancels")
def test_a_replay_outlives_a_cancellation(service: Service, relay: Relay, order: Creation) -> None:
    """What was cancelled since is told as it was made; where nothing can be cancelled, there is nothing to tell."""
    idempotency.expect_replayed_after_cancelling(service, relay, order, RESOURCE)


@flawed("replay of today")
def test_a_replay_that_tells_today_shows(service: Service, relay: Relay, order: Creation) -> None:
    """The same status and Location, with what became of the order since."""
    with pytest.raises(Failure, match=r"been cancelled, got another body"):
        idempotency.expect_replayed_after_cancelling(service, relay, order, RESOURCE)


@flawed("one key for the inventory")
def test_orders_that_share_one_reservation_show(service: Service, relay: Relay, order: Creation) -> None:
    """A new key is a new order, and needs a reservation of its own."""
    with pytest.raises(Failure, match="the same payload under two keys: the dependency did the work once"):
        idempotency.expect_replayed(service, relay, order)


@flawed("payload ignored")
def test_a_key_with_another_payload_shows(service: Service, relay: Relay, order: Creation) -> None:
    """An answer to another payload than the first is a failure."""
    with pytest.raises(Failure, match="came with another payload and got 201"):
        idempotency.expect_other_payload_refused(service, relay, order, quantity=3)


@flawed("key optional")
def test_a_key_that_is_optional_shows(service: Service, relay: Relay, order: Creation) -> None:
    """An order without a key is a failure."""
    with pytest.raises(Failure, match="without Idempotency-Key answered 201"):
        idempotency.expect_key_required(service, relay, order)


def test_retries_to_the_dependency_under_its_own_key_are_one_effect(inventory: int) -> None:
    """Calls with one key of their own count once; one whose answer was lost counts, one that was refused does not."""
    relay = Relay.start("inventory", 0, inventory, "json:/sku")
    relay.script("A", None, None, None, Fault.status(503), Fault.reset(forward=True))
    for key in ("one", "one", None, "three", "four"):
        link = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=5)
        try:
            link.request("POST", "/reservations", '{"sku": "A"}', {"Idempotency-Key": key} if key else {})
            link.getresponse()
        except OSError:
            assert key == "four"
        finally:
            link.close()
    assert idempotency.effects(relay.calls("A")) == 3
    relay.stop()


def test_probes_that_tell_the_two_questions_apart_pass(service: Service, relay: Relay) -> None:
    """Alive all the time; ready, not ready, ready again."""
    probes.expect_turns(service, "/readyz", 200, 2, "the start")
    relay.shut()
    probes.expect_stays(service, "/livez", 0.2, "while the dependency is gone")
    probes.expect_turns(service, "/readyz", 503, 2, "the dependency was lost")
    relay.reopen()
    probes.expect_turns(service, "/readyz", 200, 2, "the dependency was back")


@flawed("liveness asks")
def test_liveness_that_asks_the_dependency_shows(service: Service, relay: Relay) -> None:
    """A 503 of liveness during an outage of others is a failure."""
    relay.shut()
    with pytest.raises(Failure, match="GET /livez answered 503 while"):
        probes.expect_stays(service, "/livez", 0.2, "while the dependency is gone")


@flawed("one watcher for both")
def test_liveness_that_notices_late_with_readiness_shows(service: Service, relay: Relay) -> None:
    """One handler for both is found however long it waits before it believes in an outage."""
    probes.expect_turns(service, "/readyz", 200, 2, "the start")
    relay.shut()
    with pytest.raises(Failure, match="GET /livez answered 503 while"):
        probes.expect_stays(service, "/livez", 0.2, "while the dependency is gone", after="/readyz")


@flawed("ready for ever")
def test_liveness_is_not_asked_without_end(service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A readiness that never notices is judged elsewhere."""
    monkeypatch.setattr(probes, "NOTICES", 0.3)
    relay.shut()
    probes.expect_stays(service, "/livez", 0.2, "while the dependency is gone", after="/readyz")


@flawed("never alive")
@pytest.mark.parametrize(("explained", "outcome"), [(0.0, Failure), (1.0, Inconclusive)])
def test_a_probe_without_an_answer_shows_unless_this_machine_stood_still(
    service: Service, monkeypatch: pytest.MonkeyPatch, explained: float, outcome: type[Exception]
) -> None:
    """One probe is enough to be restarted for, but not by a machine that has no processor for it."""
    monkeypatch.setattr(probes, "PROBE_DEADLINE", 0.6)
    monkeypatch.setattr(probes, "PROMISED", 0.4)
    monkeypatch.setattr(Stalls, "explained", explained)
    with pytest.raises(outcome, match="no complete answer"):
        probes.expect_stays(service, "/livez", 0.2, "while all is well")


@flawed("ready for ever")
def test_readiness_that_never_falls_shows(service: Service, relay: Relay) -> None:
    """Readiness that stays 200 past its time is a failure."""
    relay.shut()
    with pytest.raises(Failure, match=r"answered 200 0\.3 s after the dependency was lost"):
        probes.expect_turns(service, "/readyz", 503, 0.3, "the dependency was lost")


@flawed("readiness takes its time")
def test_readiness_that_takes_longer_than_a_probe_may_shows(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform has stopped listening by then."""
    monkeypatch.setattr(probes, "PROMISED", 0.05)
    monkeypatch.setattr(probes, "TOLERANCE", 0.0)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    relay.shut()
    with pytest.raises(Failure, match=r"no complete answer within 0\.05 s"):
        probes.expect_turns(service, "/readyz", 503, 0.3, "the dependency was lost")


@flawed("an old 503")
def test_a_worker_that_tells_of_an_earlier_outage_proves_nothing(service: Service) -> None:
    """A stale answer or two is not readiness that follows: the service has to go on saying so."""
    with pytest.raises(Failure, match="answered 200"):
        probes.expect_turns(service, "/readyz", 503, 0.3, "the dependency was lost")


def test_a_wait_with_an_end_passes(service: Service, relay: Relay, order: Creation) -> None:
    """503 in time is right while the dependency hangs, and orders are taken again afterwards."""
    relay.script(order.mark, Fault.hang(), always=True)
    resilience.expect_bounded_wait(service, order, 2.0, "is silent")
    relay.reset()
    resilience.settle(service, fresh)
    created(service.send(fresh().request()))


def test_a_dependency_that_is_gone_costs_no_wait(service: Service, relay: Relay, order: Creation) -> None:
    """Nobody listens: a service that expects it says 503."""
    relay.shut()
    resilience.expect_bounded_wait(service, order, 2.0, "refuses every connection")


@flawed("no timeout")
def test_a_wait_without_end_shows(
    service: Service, relay: Relay, order: Creation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not come in the promised time is a failure."""
    monkeypatch.setattr(resilience, "PATIENCE", 3.0)
    relay.script(order.mark, Fault.hang(), always=True)
    with pytest.raises(Failure, match="no answer for"):
        resilience.expect_bounded_wait(service, order, 0.2, "is silent")


@flawed("fails with 500")
def test_a_500_is_one_however_late_it_came(
    service: Service, relay: Relay, order: Creation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that stood still, too: a stall does not make it of a 503."""
    monkeypatch.setattr(Stalls, "explained", 1000.0)
    relay.script(order.mark, Fault.hang(), always=True)
    with pytest.raises(Failure, match="answered 500"):
        resilience.expect_bounded_wait(service, order, -resilience.TOLERANCE, "is silent")


def test_a_trace_that_crosses_passes(service: Service, relay: Relay, collector: Collector, order: Creation) -> None:
    """The dependency was called under our trace id, and spans came; both are evidence."""
    evidence = Evidence()
    tracing.expect_joined(service, relay, collector, order, evidence)
    assert [entry["kind"] for entry in evidence.collected()] == ["relay", "spans"]


@pytest.mark.parametrize(
    ("service", "said"),
    [("drops trace", "does not carry the caller's trace id"), ("no spans", "no span of the service")],
    indirect=["service"],
)
def test_a_trace_that_breaks_shows(
    service: Service,
    said: str,
    relay: Relay,
    collector: Collector,
    order: Creation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call without our trace id, and a request that nobody reported, are failures."""
    monkeypatch.setattr(tracing, "ARRIVAL", 0.3)
    with pytest.raises(Failure, match=said):
        tracing.expect_joined(service, relay, collector, order, Evidence())


@pytest.mark.parametrize(
    "header", ["00-abc-def-01", "", f"00-{'a' * 32}-{'0' * 16}-01", f"00-{'A' * 32}-{'1' * 16}-01"]
)
def test_a_header_that_breaks_the_standard_carries_no_trace(header: str) -> None:
    """Short, empty, with a parent of zeros, in capitals: none of these is a traceparent."""
    assert not tracing.trace_id_of(header)


@pytest.mark.parametrize(
    ("printed", "missing"),
    [
        ('{"trace_id": "aaaa"}\n{"dd": {"trace": "00-BBBB-1-01"}}', ""),
        ('{"trace_id": "aaaa"}', "no line with it"),
        ('{"trace_id": "aaaa"}\nGET / bbbb', "no JSON object"),
        ('{"trace_id": "aaaa"}\n' + "[" * 100_000 + "bbbb", "no JSON object"),
    ],
)
def test_each_request_needs_a_json_line_with_its_trace_id(
    printed: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the field is free; a line that is no JSON object does not count."""
    monkeypatch.setattr(logs, "ARRIVAL", 0.0)
    service = submission(1, printed)
    wanted = {"aaaa": "GET /a", "bbbb": "GET /b"}
    if not missing:
        logs.expect_correlated(service, wanted, Evidence())
        return
    with pytest.raises(Failure, match="trace id of GET /b") as caught:
        logs.expect_correlated(service, wanted, Evidence())
    assert missing in caught.value.received


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/v1/orders/1", "/v1/orders/1"),
        ("orders/1", "/v1/orders/1"),
        ("http://127.0.0.1:8000/v1/orders/1", "/v1/orders/1"),
        ("https://api.test/v1/orders/1?x=y", "/v1/orders/1?x=y"),
        ("http://[::1", ""),
        ("/a b", ""),
        ("/\r\nX: y", ""),
        ("", ""),
    ],
)
def test_a_location_is_taken_as_a_path_or_not_at_all(location: str, path: str) -> None:
    """Whatever the host says, we ask the service itself; a Location that is none leads nowhere."""
    answer = Response(201, Headers((("Location", location),)), b"", 0.1)
    exchange = Exchange(Request("POST", "/v1/orders"), answer, "", 0.1)
    assert created(exchange) is answer
    if path:
        assert place(exchange) == path
        return
    with pytest.raises(Failure, match="answered 201 with Location"):
        place(exchange)


def test_without_a_location_the_id_leads_there() -> None:
    """A missing Location is judged where it is asked for; elsewhere the id of what was made will do."""
    answer = Response(201, Headers(()), b'{"id": "17"}', 0.1)
    assert place(Exchange(Request("POST", "/v1/orders"), answer, "", 0.1)) == "/v1/orders/17"
