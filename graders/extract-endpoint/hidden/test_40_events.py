"""What is told of changes, while the sink fails and the service is killed."""

from __future__ import annotations

import pytest

from assesskit.checks import event_schemas, moved_events


@pytest.fixture
def told(world):
    """The service at work, and the sink; what is done to the sink ends with the check."""
    running = moved_events.Told(world)
    yield running
    running.sink.reset()


@pytest.mark.criterion("events.schema")
def test_events_have_schemas_that_say_what_they_hold(told, submitted, facts, evidence) -> None:
    """CloudEvents of known types, each with a schema that is strict about what is there and open to what will be."""
    events = moved_events.expect_envelopes(told, evidence)
    schemas = event_schemas.schemas_of(submitted)
    event_schemas.expect_schemas(schemas)
    event_schemas.expect_versioned(schemas, events)
    event_schemas.expect_described(schemas, events)
    event_schemas.expect_strict(schemas, events, facts["telling"]["needed"])
    event_schemas.expect_open(schemas, events)


@pytest.mark.criterion("events.outbox")
def test_nothing_is_lost_while_the_sink_is_away(told, evidence) -> None:
    """Changes that were made while it was away, or failed, are told afterwards, after kills, too."""
    moved_events.expect_nothing_lost(told, evidence)


@pytest.mark.criterion("events.outbox")
def test_what_is_told_was_kept_and_what_was_kept_is_told(told, evidence) -> None:
    """Killed while the sink holds an event, or its answer."""
    moved_events.expect_taken_before_forgotten(told, evidence)


@pytest.mark.criterion("events.outbox")
def test_kills_while_writes_run_lose_and_invent_nothing(told, evidence) -> None:
    """Killed again and again while several write."""
    moved_events.expect_survives_kills(told, evidence)


@pytest.mark.criterion("events.order")
def test_events_of_one_thing_come_in_its_sequence(told, evidence) -> None:
    """Whatever the sink does with one of them; what comes again has its id."""
    moved_events.expect_sequence(told, evidence)
