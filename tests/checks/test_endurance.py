"""The checks of what happens when something breaks, or is too much: a right service passes, each flaw shows.

What a kill does is shown by the wrong programs of the exercise: this service cannot be killed.
"""

from __future__ import annotations

import itertools

import pytest
from tests.checks.keeper import TIMEOUT, Inventory
from tests.checks.keeping import flawed, fresh

from assesskit.checks import creation, idempotency, interruption, overload, retrying
from assesskit.checks.creation import Creation
from assesskit.checks.evidence import Evidence
from assesskit.checks.exchange import Request
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.services import Service
from assesskit.checks.stalls import Stalls
from assesskit.instruments.relay import Relay

READS = (Request("GET", "/v1/orders"),)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller numbers and shorter times than for a submission."""
    for module, changes in (
        (interruption, {"WITHIN": 0.6}),
        (creation, {"POLL": 0.1}),
        (retrying, {"REQUESTS": 20, "BEFORE": 15}),
        (overload, {"WRITERS": 6, "READS": 10, "QUICK": 0.15, "SETTLED": 0.1, "APART": 0.01}),
        (overload, {"BURST": 10, "SLOW": 0.2, "TOLERANCE": 0.5, "AGAIN": 3.0, "FEWEST": 1}),
    ):
        for name, value in changes.items():
            monkeypatch.setattr(module, name, value)


@pytest.fixture
def unexcused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stall explains anything: for services that are late on purpose, on a machine that may be noisy."""
    monkeypatch.setattr(Stalls, "explained", 0.0)


def running(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The harness says that it still runs."""
    monkeypatch.setattr(service, "status", lambda: {"running": True})
    return service


def test_a_key_of_each_caller_passes(service: Service, relay: Relay, order: Creation) -> None:
    """Three callers, one key: three things, and the first caller's stays its own."""
    idempotency.expect_scoped(service, relay, order, ("another", "third"), order.token, quantity=3)


@pytest.mark.parametrize(
    ("service", "renewed", "said"),
    [
        ("key of nobody", "token", "another caller used the same key for another payload and got 422"),
        ("", "a new one", "a retry of the first caller, with a new token got something else"),
    ],
    indirect=["service"],
)
def test_a_key_of_nobody_or_of_a_token_shows(
    service: Service, renewed: str, said: str, relay: Relay, order: Creation
) -> None:
    """A key that all callers share, and one that a new token loses, are failures. (This service knows tokens only.)"""
    with pytest.raises(Failure, match=said):
        idempotency.expect_scoped(service, relay, order, ("another", "third"), renewed, quantity=3)


@flawed("", "busy says 409, lets go late")
def test_a_key_that_can_be_tried_again_passes(service: Service, relay: Relay) -> None:
    """Whatever the dependency did to the first attempt, the key makes one thing with one effect afterwards; that it is
    held for a moment after each answer spoils nothing.
    """
    interruption.expect_tried_again(service, relay, fresh)


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("busy says 409, failures kept", r"something else that was made|the dependency did the work not at all"),
        ("new keys for the inventory", "the dependency did the work more than once"),
        ("refusals kept", "after the dependency said that it had not enough, got 409 for 0.6 s"),
    ],
    indirect=["service"],
)
def test_a_spoiled_key_and_a_second_effect_show(service: Service, said: str, relay: Relay) -> None:
    """A failure or refusal that is remembered, and a new key for the dependency, are failures."""
    with pytest.raises(Failure, match=said):
        interruption.expect_tried_again(service, relay, fresh)


@flawed("answers only")
def test_a_call_that_never_comes_shows_unless_the_machine_stood_still(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is to be killed while it waits for its dependency has to ask it, sooner or later."""
    monkeypatch.setattr(interruption, "ARRIVAL", 0.1)
    monkeypatch.setattr(Stalls, "explained", 0.0)
    with pytest.raises(Failure, match="the answer came without a call to the dependency"):
        interruption.expect_resumed(service, relay, fresh(), done=True)
    monkeypatch.setattr(Stalls, "explained", 1000.0)
    with pytest.raises(Inconclusive, match="no call came to the dependency, but this machine stood still"):
        interruption.expect_resumed(service, relay, fresh(), done=True)


def test_a_few_retries_pass(service: Service, relay: Relay) -> None:
    """A budget over all callers hides bad moments, spares the dead, and takes no for an answer."""
    refused = Creation.fresh("/v1/orders", {"sku": "OUT", "quantity": 2}, mark="sku", token="token")
    retrying.expect_refusal_taken(service, relay, [refused])
    retrying.expect_flakiness_hidden(service, relay, fresh, Evidence())
    relay.clear()
    retrying.expect_few_calls(service, relay, fresh, Evidence())


@flawed("busy says 429, room for four")
def test_who_has_room_for_few_at_a_time_hides_bad_moments_as_well(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To turn away what is too much is no failure of a request that met a bad moment."""
    monkeypatch.setattr(Inventory, "pause", 0.05)
    retrying.expect_flakiness_hidden(service, relay, fresh, Evidence())


@flawed("never asks again")
def test_no_retry_shows(service: Service, relay: Relay) -> None:
    """A bad moment that fails the request is a failure."""
    with pytest.raises(Failure, match="about 5 failed"):
        retrying.expect_flakiness_hidden(service, relay, fresh, Evidence())


@flawed("never asks again")
@pytest.mark.parametrize(("soon", "outcome"), [(5.0, Failure), (0.0, Inconclusive)])
def test_what_fails_at_once_fails_on_any_machine(
    service: Service, relay: Relay, soon: float, outcome: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed late may have met a time limit while this machine stood still."""
    monkeypatch.setattr(Stalls, "seconds", 1.0)
    monkeypatch.setattr(retrying, "SOON", soon)
    with pytest.raises(outcome, match="about 5 failed"):
        retrying.expect_flakiness_hidden(service, relay, fresh, Evidence())


@flawed("no budget")
def test_a_storm_on_the_dead_shows(service: Service, relay: Relay) -> None:
    """Three calls for each request are a failure."""
    with pytest.raises(Failure, match=r"called 3\.0 times for each request"):
        retrying.expect_few_calls(service, relay, fresh, Evidence())


@flawed("no budget for answers")
def test_a_storm_on_a_dependency_that_answers_shows(service: Service, relay: Relay) -> None:
    """A budget for broken connections alone is none while the dependency says 503 to everybody."""
    with pytest.raises(Failure, match=r"called 2\.\d times for each request"):
        retrying.expect_few_calls(service, relay, fresh, Evidence())


@flawed("asks whatever")
def test_a_refusal_that_is_asked_again_shows(service: Service, relay: Relay) -> None:
    """A second call after a 409 is a failure."""
    refused = Creation.fresh("/v1/orders", {"sku": "OUT", "quantity": 2}, mark="sku", token="token")
    with pytest.raises(Failure, match="asked the same 3 times"):
        retrying.expect_refusal_taken(service, relay, [refused])


@flawed("asks whatever")
def test_a_refusal_that_came_late_may_be_asked_again(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that stood still the service may have given up before it was refused."""
    refused = Creation.fresh("/v1/orders", {"sku": "OUT", "quantity": 2}, mark="sku", token="token")
    monkeypatch.setattr(Stalls, "seconds", 1.0)
    with pytest.raises(Inconclusive, match="asked the same 3 times, but this machine stood still"):
        retrying.expect_refusal_taken(service, relay, [refused])


def test_reads_that_do_not_wait_pass(service: Service, relay: Relay) -> None:
    """Writes wait for one another here; reads for nobody."""
    overload.expect_reads_unharmed(service, relay, fresh, READS, Evidence())


@pytest.mark.parametrize(
    ("service", "said"),
    [("reads wait", r"reads took \d\.\d s and more"), ("reads refused", "a read got 503")],
    indirect=["service"],
)
@pytest.mark.usefixtures("unexcused")
def test_reads_that_wait_or_are_refused_show(service: Service, said: str, relay: Relay) -> None:
    """Slow reads and refused reads are failures."""
    with pytest.raises(Failure, match=said):
        overload.expect_reads_unharmed(service, relay, fresh, READS, Evidence())


@flawed("busy says 503", "busy says 429", "no lock")
def test_a_burst_that_is_made_or_turned_away_passes(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing what is too much is right, and so is making all of it in time."""
    overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 3.0, Evidence())


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("", "one of them took"),
        ("busy says 500", "one of them got 500"),
        ("busy says 409", "one of them got 409"),
        ("busy says 503, no Retry-After", "without a Retry-After"),
    ],
    indirect=["service"],
)
@pytest.mark.usefixtures("unexcused")
def test_late_and_unkind_answers_to_a_burst_show(
    service: Service, said: str, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue without a bound, a 500, and a refusal without a time are failures."""
    with pytest.raises(Failure, match=said):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 0.5, Evidence())


@flawed("no lock, no Retry-After")
def test_whoever_was_let_in_and_failed_needs_no_time_to_come_back(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare 503 after a call that took too long is no refusal; that nothing was made at all is held against it."""
    monkeypatch.setattr(overload, "SLOW", 2 * TIMEOUT)
    with pytest.raises(Failure, match="none of them was made"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 2.0, Evidence())


@flawed("no lock, answers only")
def test_a_burst_that_is_confirmed_before_the_work_is_done_shows(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To say yes to everybody and to work it off afterwards is no way to turn away what is too much.

    So slow a dependency that a busy machine does not take as long to say yes.
    """
    monkeypatch.setattr(overload, "SLOW", 5.0)
    with pytest.raises(Failure, match="one of them was confirmed sooner than the dependency answers"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 0.5, Evidence())


@flawed("busy says 503, no timeout")
def test_turning_nearly_all_away_shows(service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time is less than any service has room for."""
    monkeypatch.setattr(overload, "FEWEST", 4)
    monkeypatch.setattr(overload, "SLOW", 2.0)
    with pytest.raises(Failure, match=r"[123] of them w\w+ made"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 5.0, Evidence())


@flawed("no lock, no timeout")
def test_a_dependency_of_ours_that_is_slow_by_itself_excuses_as_much(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service cannot be quicker than what it asks, and that takes longer here than it was to."""
    monkeypatch.setattr(Inventory, "pause", 3.0)
    monkeypatch.setattr(overload, "SLOW", 0.0)
    monkeypatch.setattr(overload, "SWIFT", 0.0)
    with pytest.raises(Inconclusive, match="the dependency took"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 2.0, Evidence())


@flawed("no lock, no timeout")
@pytest.mark.usefixtures("unexcused")
def test_a_service_that_is_busy_long_after_a_burst_shows(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made in the end is not made again within the time."""
    monkeypatch.setattr(Inventory, "pause", 1.2)
    monkeypatch.setattr(overload, "AGAIN", 0.2)
    with pytest.raises(Failure, match=r"the next creation was made only \d+\.\d s after a burst"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 3.0, Evidence())


@flawed("busy says 500")
def test_a_wrong_answer_is_wrong_on_any_machine(
    service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No stall makes a 500 of a 503: the status is judged, however late it came."""
    monkeypatch.setattr(Stalls, "explained", 1000.0)
    monkeypatch.setattr(overload, "TOLERANCE", -0.5)
    with pytest.raises(Failure, match="one of them got 500"):
        overload.expect_excess_turned_away(running(service, monkeypatch), relay, fresh, 0.5, Evidence())


@flawed("reads never answered")
@pytest.mark.usefixtures("unexcused")
def test_silence_for_one_read_shows(service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read without an answer is no slow read."""
    monkeypatch.setattr(overload, "PATIENCE", 3.0)
    with pytest.raises(Failure, match="a read got no answer"):
        overload.expect_reads_unharmed(service, relay, fresh, READS, Evidence())


def test_a_service_that_died_of_a_burst_shows(service: Service, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes more than fits in its memory is gone afterwards."""
    states = itertools.repeat({"running": False, "status": 137, "oom": True})
    monkeypatch.setattr(service, "status", lambda: next(states))
    with pytest.raises(Failure, match="was killed for its memory"):
        overload.expect_excess_turned_away(service, relay, fresh, 0.5, Evidence())
