"""The same answers as the monolith's, and a document that says what they are."""

from __future__ import annotations

import pytest

from assesskit.checks import carrying_out, described, moving, parity, recording


@pytest.mark.criterion("contract.openapi")
def test_the_document_says_what_clients_get(service, submitted, facts, evidence) -> None:
    """The document that is served is the one handed in, and the recorded answers fit it."""
    document = described.expect_served(service, submitted)
    exchanges = recording.exchanges(facts["moving"]["context"])
    held = described.expect_described(document, exchanges, facts["moving"]["money"])
    evidence.figure("Recorded answers held against the document", held, "answers")


@pytest.mark.criterion("contract.parity")
def test_the_recorded_day_is_answered_as_by_the_monolith(world, submitted, facts, evidence) -> None:
    """Every recorded request gets the monolith's answer, but for what the plan declares."""
    move = moving.of(world)
    declared = carrying_out.plan_of(submitted, "rollout.toml", never=move.moving.never).declared
    move.followed()
    wanted = parity.wanted(recording.exchanges(facts["moving"]["context"]))
    parity.expect_parity(move, wanted, declared, evidence)
