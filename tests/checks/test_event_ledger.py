"""Events held against what happened: rules on ledgers that are made up, and on services that keep or break them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from tests.checks.moving import Monolith, Service, serving

from assesskit.checks import event_ledger
from assesskit.checks.event_ledger import Change, change_of, sequence_of
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.instruments.faults import Fault
from assesskit.instruments.sink import Sink, Taken, taken_but


def event(
    number: int, subject: str, sequence: Any, ident: str = "", kind: str = "invoice.open.v1", data: Any = 1
) -> Taken:
    told = {"id": ident or f"{subject}-{sequence}", "source": "/invoices", "type": kind, "subject": subject}
    if sequence is not None:
        told["sequence"] = sequence
    return Taken(number, 10.0 + number, number, "structured", told, data, "", 204)


def ledger(*rows: tuple[Any, ...]) -> list[Taken]:
    return [event(number, *row) for number, row in enumerate(rows, 1)]


HAPPENED = {Change("a", 1, "invoice.open.v1"), Change("a", 2, "invoice.open.v1"), Change("b", 1, "invoice.open.v1")}
RIGHT = ledger(("a", "1"), ("b", 1), ("a", "2"))


def test_what_happened_was_told_and_nothing_else() -> None:
    event_ledger.expect_attributed(RIGHT)
    event_ledger.expect_complete(RIGHT, HAPPENED)
    event_ledger.expect_ordered(RIGHT)
    event_ledger.expect_same_ids(RIGHT)
    repeated = [*RIGHT, *ledger(("a", "1"), ("b", "1"))]
    event_ledger.expect_complete(repeated, HAPPENED)
    event_ledger.expect_ordered(repeated)
    event_ledger.expect_same_ids(repeated)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (
            ledger(("a", "1"), ("b", "1")),
            "1 of 3 changes never came: the first is invoice.open.v1 of a, sequence 2",
        ),
        ([], "3 of 3 changes never came"),
        (ledger(("a", "1"), ("a", "2"), ("b", "1"), ("c", "1")), "of the changes told, 1 never happened: .* of c, seq"),
        ([*RIGHT, event(9, "a", 3)], "of the changes told, 1 never happened: .* of a, sequence 3"),
        ([*RIGHT, event(9, "a", 2, "x", "invoice.paid.v1")], "never happened: .*invoice.paid.v1 of a, sequence 2"),
    ],
)
def test_lost_and_invented_events_are_told(events: list[Taken], says: str) -> None:
    with pytest.raises(Failure, match=says):
        event_ledger.expect_complete(events, HAPPENED)


def test_what_nobody_knows_of_may_have_happened_or_not() -> None:
    maybe = {Change("a", 3, "invoice.open.v1")}
    event_ledger.expect_complete(RIGHT, HAPPENED, maybe)
    event_ledger.expect_complete([*RIGHT, event(9, "a", 3)], HAPPENED, maybe)


@pytest.mark.parametrize(
    "events",
    [ledger(("a", "2"), ("a", "1")), ledger(("a", "1"), ("a", "3"), ("b", "1"), ("a", "2"))],
)
def test_changes_of_an_aggregate_out_of_order_are_told(events: list[Taken]) -> None:
    with pytest.raises(Failure, match=r"of a, sequence \d, arrived after the sequence"):
        event_ledger.expect_ordered(events)


def test_of_changes_out_of_order_the_one_that_most_have_overtaken_is_told() -> None:
    """Which one comes too late first is a matter of moments."""
    late = ledger(("a", "2"), ("a", "1"), ("a", "3"), ("b", "3"), ("b", "1"))
    for events in (late, late[3:] + late[:3]):
        with pytest.raises(Failure, match=r"of b, sequence 1, arrived after the sequence 3 of"):
            event_ledger.expect_ordered(events)


def test_an_aggregate_may_begin_where_somebody_else_left_it() -> None:
    event_ledger.expect_ordered(ledger(("a", "7"), ("a", "8")))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (ledger(("a", "1", "x"), ("a", "1", "y")), "was told twice, by two ids"),
        (ledger(("a", "1", "x"), ("a", "2", "x")), "one id tells of two changes"),
        (ledger(("a", "1", "x"), ("b", "1", "x")), "one id tells of two changes"),
        (ledger(("a", "1"), ("a", "1", "", "invoice.open.v1", 2)), "was told twice, and not in the same words"),
    ],
)
def test_repetitions_that_nobody_can_recognise_are_told(events: list[Taken], says: str) -> None:
    with pytest.raises(Failure, match=says):
        event_ledger.expect_same_ids(events)


@pytest.mark.parametrize("sequence", [None, "", "one", "1.5", True, 1.5, "9" * 40, "²"])
def test_an_event_without_a_sequence_is_told(sequence: Any) -> None:
    assert sequence_of(event(1, "a", sequence)) is None
    with pytest.raises(Failure, match="does not say of what it tells"):
        event_ledger.expect_attributed([event(1, "a", sequence)])


def test_an_event_without_a_subject_is_told() -> None:
    with pytest.raises(Failure, match="does not say of what it tells"):
        event_ledger.expect_attributed([event(1, "", "1")])


CHANGES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), max_size=30)


@given(CHANGES)
def test_a_shuffled_ledger_is_ordered_exactly_when_no_later_change_comes_first(rows: list[tuple[str, int]]) -> None:
    events = [event(number, subject, str(sequence)) for number, (subject, sequence) in enumerate(rows, 1)]
    firsts: dict[str, list[int]] = {}
    for subject, sequence in dict.fromkeys(rows):
        firsts.setdefault(subject, []).append(sequence)
    right = all(sequences == sorted(sequences) for sequences in firsts.values())
    try:
        event_ledger.expect_ordered(events)
    except Failure:
        assert not right
    else:
        assert right


@given(CHANGES)
def test_a_ledger_is_complete_for_exactly_what_it_tells(rows: list[tuple[str, int]]) -> None:
    events = [event(number, subject, sequence) for number, (subject, sequence) in enumerate(rows, 1)]
    told = {change for one in events if (change := change_of(one))}
    event_ledger.expect_complete(events, told)
    for change in told:
        with pytest.raises(Failure, match="never happened"):
            event_ledger.expect_complete(events, told - {change})


def test_the_ledger_is_left_as_lines_that_can_be_drawn() -> None:
    evidence = Evidence()
    event_ledger.leave_ledger("Events", [*RIGHT, event(4, "a", "1")], evidence, {2: "the sink answered 500"})
    (entry,) = evidence.collected()
    head, *rows = [json.loads(line) for line in entry["data"]["lines"]]
    assert head == {"drawn": "ledger/1", "count": 4}
    assert [(row["number"], row["at"], row["subject"], row["sequence"], row["again"]) for row in rows] == [
        (1, 0.0, "a", 1, False),
        (2, 1.0, "b", 1, False),
        (3, 2.0, "a", 2, False),
        (4, 3.0, "a", 1, True),
    ]
    assert rows[1]["note"] == "the sink answered 500"


@pytest.fixture(scope="module")
def running() -> Iterator[Sink]:
    sink = Sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(running: Sink) -> Iterator[Sink]:
    running.clear()
    yield running
    running.reset()


@contextmanager
def served(sink: Sink, *flaws: str) -> Iterator[tuple[str, Service]]:
    service = Service(Monolith(), sink.port, *flaws)
    with ExitStack() as stack:
        stack.enter_context(service.sending())
        yield f"http://127.0.0.1:{stack.enter_context(serving(service.answer))}", service


def work(url: str, service: Service, invoices: int = 4) -> set[Change]:
    """Make and pay invoices, and wait until the service has no more to tell; what happened."""
    happened = set()
    headers = {"X-Account": "a1", "Rollout-Mode": "live"}
    for _ in range(invoices):
        made = requests.post(f"{url}/v1/invoices", json={"lines": [{"amount": 5}]}, headers=headers, timeout=5).json()
        requests.post(f"{url}/v1/invoices/{made['id']}/pay", headers=headers, timeout=5).raise_for_status()
        happened |= {Change(made["id"], 1, "invoice.open.v1"), Change(made["id"], 2, "invoice.paid.v1")}
    assert service.told_all(20)
    return happened


TROUBLE = {
    "none": (),
    "it turns away": (Fault.status(503), Fault.status(503), None, Fault.status(500)),
    "it takes and says it did not": (taken_but(500), None, taken_but(503)),
    "it takes and says nothing": (None, Fault.reset(forward=True), Fault.reset(forward=True)),
    "it closes": (Fault.refuse(), None, Fault.refuse()),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_right_service_tells_everything_whatever_the_sink_does(sink: Sink, trouble: str) -> None:
    sink.script(*TROUBLE[trouble])
    with served(sink) as (url, service):
        happened = work(url, service)
    events = sink.events()
    event_ledger.expect_attributed(events)
    event_ledger.expect_complete(events, happened)
    event_ledger.expect_ordered(events)
    event_ledger.expect_same_ids(events)
    doubled = {"it takes and says it did not": 2, "it takes and says nothing": 2}.get(trouble, 0)
    assert len(events) == len(happened) + doubled


def test_a_service_that_forgets_a_kind_of_change_is_found_out(sink: Sink) -> None:
    with served(sink, "forgets") as (url, service):
        happened = work(url, service)
    with pytest.raises(Failure, match="4 of 8 changes never came"):
        event_ledger.expect_complete(sink.events(), happened)


def test_a_service_that_gives_up_after_one_try_is_found_out_by_a_sink_that_fails(sink: Sink) -> None:
    sink.script(None, Fault.status(503))
    with served(sink, "gives-up") as (url, service):
        happened = work(url, service)
    with pytest.raises(Failure, match="1 of 8 changes never came"):
        event_ledger.expect_complete(sink.events(), happened)


def test_a_service_that_makes_new_ids_is_found_out_by_a_sink_that_takes_and_fails(sink: Sink) -> None:
    sink.script(taken_but(500))
    with served(sink, "new-ids") as (url, service):
        happened = work(url, service)
    event_ledger.expect_complete(sink.events(), happened)
    with pytest.raises(Failure, match="was told twice, by two ids"):
        event_ledger.expect_same_ids(sink.events())


def test_a_service_that_sends_the_newest_first_is_found_out_by_a_sink_that_was_away(sink: Sink) -> None:
    sink.shut()
    with served(sink, "newest-first") as (url, service):
        headers = {"X-Account": "a1", "Rollout-Mode": "live"}
        made = requests.post(f"{url}/v1/invoices", json={"lines": []}, headers=headers, timeout=5).json()
        requests.post(f"{url}/v1/invoices/{made['id']}/pay", headers=headers, timeout=5).raise_for_status()
        sink.reopen()
        work(url, service, 0)
    with pytest.raises(Failure, match="arrived after the sequence 2"):
        event_ledger.expect_ordered(sink.events())
