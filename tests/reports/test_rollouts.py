"""A migration in the report: rollouts drawn, events and differences in tables, and nothing else taken for them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from tests.reports import hostile, moved, samples
from tests.reports.test_charts import drawn

from assesskit import reports
from assesskit.checks import carrying_out
from assesskit.checks.drawn import leave_differences
from assesskit.checks.evidence import Evidence as Collected
from assesskit.instruments.migration import Found
from assesskit.model import Evidence
from assesskit.reports import rollouts
from assesskit.reports.drawn import Ledger, Parity, Rollout
from assesskit.reports.evidence import piece

HEAD = {"drawn": "rollout/1", "what": "x", "healthy": True, "objective": 0.99, "budget": 5, "end": "hold"}


def read(run: carrying_out.Run, budget: int | None = 24) -> Rollout:
    collected = Collected()
    carrying_out.leave(run, collected, budget)
    seen = piece(Evidence.model_validate(collected.collected()[0])).seen
    assert isinstance(seen, Rollout)
    return seen


def texts(chart: Markup) -> list[str]:
    return [each.text or "" for each in drawn(chart, "text")]


def log(*lines: Any) -> Evidence:
    told = [line if isinstance(line, str) else json.dumps(line, separators=(",", ":")) for line in lines]
    return Evidence(kind="log", title="A log", data={"lines": told})


def test_what_checks_leave_is_what_is_drawn() -> None:
    kinds = [(one.kind, type(one.seen)) for one in map(piece, moved.pieces())]
    assert kinds == [
        ("rollout", Rollout),
        ("parity", Parity),
        ("rollout", Rollout),
        ("parity", Parity),
        ("ledger", Ledger),
    ]


@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=300)), min_size=1, max_size=12))
def test_whatever_answers_say_their_differences_can_be_drawn(values: list[tuple[str, str]]) -> None:
    """Their texts are cleaned and cut by the grader, and the lines are JSON all the same."""
    found = [
        Found(
            1, "mirror", f"GET /{one}", f"/{one}", json.dumps(one)[:120], json.dumps(other)[:120], other, played=False
        )
        for one, other in values
    ]
    collected = Collected()
    leave_differences(found, "Differences", collected)
    (entry,) = collected.collected()
    assert piece(Evidence.model_validate(entry)).kind == "parity"


def test_a_rollout_that_was_taken_back_shows_when_why_and_what_it_cost() -> None:
    seen = read(moved.run(14, "a faulty one"))
    assert [(row.minute, row.action) for row in seen.telling] == [
        (5, "promote"),
        (10, "promote"),
        (16, "roll back"),
    ]
    chart = rollouts.timeline(seen)
    (told,) = drawn(chart, "svg")
    assert told.attrib["role"] == "img"
    assert told.attrib["aria-label"] == (
        "Rollout of a faulty one: rolled back after 16 minutes in canary 5 %; 9 requests were served ill, 24 may be"
    )
    assert {"rolled back", "played: error", "shadow", "mirror", "canary 5 %", "error budget: 24 requests"} <= set(
        texts(chart)
    )
    share, spent = (each.attrib["d"] for each in drawn(chart, "path"))
    assert share.endswith(f"V{rollouts.SHARE[1]:.1f}"), "nothing is left to the service"
    assert spent.count("L") == 16


def test_each_reason_to_wait_is_told_once_a_stage() -> None:
    shut = [f"the gate is shut: differences is 0.{share}: {share} of 10 answers differ, above 0" for share in (1, 2, 3)]
    rows = tuple(replace(moved.QUIET, minute=number, reason=reason) for number, reason in enumerate(["x", *shut], 1))
    seen = read(replace(moved.run(), rows=(replace(moved.QUIET, minute=0), *rows, replace(moved.QUIET, minute=5))))
    assert [row.minute for row in seen.telling] == [1, 2, 5]


def test_a_rollout_to_its_end_shows_its_stages_and_no_fault() -> None:
    chart = rollouts.timeline(read(moved.run()))
    assert "rolled back" not in texts(chart)
    assert not [each for each in drawn(chart, "rect") if each.attrib["class"] == "faulty"]
    assert len([each for each in drawn(chart, "rect") if each.attrib["class"] == "point"]) == 5
    assert drawn(chart, "path")[0].attrib["d"].endswith(f"V{rollouts.SHARE[0]:.1f}")


def test_a_rollout_without_a_budget_has_no_line_for_it() -> None:
    chart = rollouts.timeline(read(moved.run(), None))
    assert not [each for each in drawn(chart, "line") if each.attrib["class"] == "budget"]


@pytest.mark.parametrize("rows", [1, 2, 99])
def test_a_rollout_of_any_length_fits(rows: int) -> None:
    many = tuple(replace(moved.QUIET, minute=number + 1) for number in range(rows))
    chart = rollouts.timeline(read(replace(moved.run(), rows=many)))
    for each in drawn(chart, "rect"):
        assert 0 <= float(each.attrib["x"]) <= 760
        assert float(each.attrib["width"]) >= -1


ROW = asdict(moved.QUIET)


@pytest.mark.parametrize(
    "evidence",
    [
        log(),
        log("GET /"),
        log(HEAD),
        log({**HEAD, "drawn": "rollout/2"}, ROW),
        log({**HEAD, "more": 1}, ROW),
        log(HEAD, {**ROW, "percent": 101}),
        log(HEAD, {**ROW, "minute": -1}),
        log(HEAD, {**ROW, "minute": "1"}),
        log(HEAD, {**ROW, "p95": 1e300}),
        log(HEAD, {**ROW, "success": 2}),
        log(HEAD, {**ROW, "reason": "x" * 2000}),
        log(HEAD, ROW, "[1]"),
        log(HEAD, ROW, '{"minute": NaN}'),
        log(HEAD, {key: value for key, value in ROW.items() if key != "bad"}),
        log('{"drawn":' + "[" * 500),
        log({"drawn": ["rollout/1"]}, ROW),
    ],
)
def test_a_log_that_is_not_exactly_so_stays_a_log(evidence: Evidence) -> None:
    assert piece(evidence).kind == "log"


def test_all_of_it_is_in_the_report() -> None:
    text = reports.html(moved.assessment())
    for said in (
        "Timeline: The rollout of a healthy service",
        "<b>Rolled back</b> after 16 minutes. The service answered 36 callers and served 9 of them ill; the error",
        "<b>roll back</b>: success_rate is 0.8333 over 18 requests, below 0.95",
        "12 differences in 4 places",
        "<code>/lines/*/amount_cents</code>",
        "declared: a memo that is empty is left out",
        "made wrong on purpose, by the check",
        "5 events arrived, of which 1 had come before.",
        "the same again",
        "the sink answered 500",
    ):
        assert said in text, said


def test_hostile_lines_are_text() -> None:
    attack = hostile.ATTACKS[0]
    entry = {
        "number": 1,
        "at": 0.0,
        "type": attack,
        "subject": attack,
        "sequence": 1,
        "id": attack,
        "mode": attack,
        "answered": 204,
        "again": False,
        "note": attack,
    }
    place = {
        "request": attack,
        "place": attack,
        "monolith": attack,
        "service": attack,
        "count": 1,
        "reason": attack,
        "played": False,
    }
    evidence = (
        log({**HEAD, "what": attack}, {**ROW, "reason": attack, "fault": attack}),
        log({"drawn": "ledger/1", "count": 1}, entry),
        log({"drawn": "parity/1", "count": 1}, place),
    )
    assert [piece(one).kind for one in evidence] == ["rollout", "ledger", "parity"]
    seen = samples.observation("contract.errors", evidence=evidence)
    text = reports.html(
        samples.assessment((samples.result(samples.criterion("contract.errors", "x"), "met", "", seen),))
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
