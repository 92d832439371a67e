"""A rollout plan is read strictly, and its arithmetic holds for every window."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assesskit.instruments.rollout_plan import Gate, PlanError, RolloutPlan, Stage, read_rollout
from assesskit.instruments.rollout_window import Answer, Window, added, breached, decide, toothless

PLAN = """
[[stages]]
mode = "shadow"
minutes = 2
[[stages]]
mode = "mirror"
minutes = 2
[[stages]]
mode = "canary"
percent = 5
minutes = 3
[[stages]]
mode = "canary"
percent = 25
minutes = 3
[[stages]]
mode = "primary"
minutes = 2
[gate]
window = 2
min_requests = 10
success_rate = 0.99
differences = 0.0
[rollback]
window = 3
min_requests = 10
p95_ms = 250
budget_burn = 10
[[declared]]
place = "/lines/*/note"
request = "GET /v1/invoices/*"
reason = "the service leaves out notes that are empty"
"""
OBJECTIVE = 0.99
GOOD, BAD, SLOW = Answer(good=True, ms=20, differs=False), Answer(good=False, ms=5), Answer(good=True, ms=900)
WRONG = Answer(good=True, ms=20, differs=True)


def minute(*answers: Answer) -> Window:
    return Window.of(answers, slow_ms=250)


def test_a_plan_is_read_whole() -> None:
    plan = read_rollout(PLAN)
    assert [(stage.mode, stage.percent) for stage in plan.stages] == [
        ("shadow", 0),
        ("mirror", 0),
        ("canary", 5),
        ("canary", 25),
        ("primary", 100),
    ]
    assert plan.minutes == 12
    assert plan.gate == Gate(2, 10, 0.99, 0.0, None, {})
    assert plan.rollback == Gate(3, 10, None, None, 10.0, {"p95_ms": 250.0})
    assert plan.declared[0].place == "/lines/*/note"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("percent = 25", "percent = 5"), r"stages\[4\].percent: 5 follows 5, so the stages overlap"),
        (("percent = 25", "percent = 101"), r"stages\[4\].percent: is 101, and must be a number from 0.1 to 99.9"),
        (("percent = 25", "percent = nan"), r"stages\[4\].percent: is nan"),
        (("percent = 25\n", ""), r"stages\[4\].percent: is missing"),
        (('"mirror"', '"shadow"'), r"stages\[2\].mode: shadow is there twice"),
        (('"mirror"', '"primary"'), r"stages\[3\].mode: canary comes after primary; the order is shadow, mirror"),
        (('"mirror"', '"blue-green"'), r"stages\[2\].mode: must be one of shadow, mirror, canary, primary"),
        (('"primary"', '"canary"\npercent = 50'), "stages: the last one is canary; a plan ends with primary"),
        (('"primary"', '"primary"\npercent = 50'), r"stages\[5\].percent: only a canary has a share"),
        (("minutes = 3", "minutes = 0"), r"stages\[3\].minutes: is 0"),
        (("minutes = 3", "minutes = true"), "must be a whole number"),
        (("minutes = 3", "minutes = 59"), "all together may take 60"),
        (("window = 2", "window = 0"), "gate.window: is 0, and must be a whole number from 1 to 60"),
        (("window = 2", "window = 0x" + "f" * 6000), "gate.window: is a number of many digits"),
        (("window = 2", "window = [1]"), "gate.window: is a list, and must be a whole number"),
        (("window = 3", "window = 1.5"), "rollback.window: is 1.5, and must be a whole number"),
        (("success_rate = 0.99", "sucess_rate = 0.99"), "gate.sucess_rate: is not known here; did you mean success_r"),
        (("p95_ms", "p100_ms"), "rollback.p100_ms: is not known here"),
        (("p95_ms", "p95"), "rollback.p95: is not known here; did you mean p95_ms"),
        (("success_rate = 0.99\ndifferences = 0.0\n", ""), "gate: names no metric"),
        (("success_rate = 0.99", "success_rate = 99"), "gate.success_rate: is 99, and must be a number from 0 to 1"),
        (("[gate]", "[gates]"), "gates: is not known here; did you mean gate?"),
        (("[gate]\n", "gate = 5\n[rest]\n"), "rest: is not known|gate: must be a table"),
        (('place = "/lines/*/note"', 'place = "/*"'), r"declared\[1\].place: /\* is every place there is"),
        (('place = "/lines/*/note"', 'place = "header:"'), r"declared\[1\].place: must be a JSON pointer"),
        (('place = "/lines/*/note"', 'place = "lines"'), r"declared\[1\].place: must be a JSON pointer"),
        (("the service leaves out notes that are empty", "faster"), r"declared\[1\].reason: must say why"),
        (("GET /v1/invoices/*", "all of them"), r"declared\[1\].request: must be a method and a path"),
        (("[[stages]]", "x = " + "[" * 5000), "it is no TOML"),
        (("[[stages]]", f"x = {'9' * 6000}\n[[stages]]"), "it is no TOML"),
        (("[[stages]]", "#" * 70_000 + "\n[[stages]]"), "longer than 65536 characters"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_told_with_its_key(change: tuple[str, str], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        read_rollout(PLAN.replace(*change, 1))


def test_a_header_is_declared_in_any_case() -> None:
    assert read_rollout(PLAN.replace("/lines/*/note", "Header:X-Total")).declared[0].place == "header:x-total"


def test_a_plan_without_stages_or_gate_is_told() -> None:
    with pytest.raises(PlanError, match=r"stages: 1 to 12 tables \[\[stages\]\] are needed"):
        read_rollout("")
    with pytest.raises(PlanError, match="gate: is missing"):
        read_rollout(PLAN[: PLAN.index("[gate]")])
    with pytest.raises(PlanError, match="stages: 1 to 12"):
        read_rollout("[[stages]]\nmode = 'primary'\nminutes = 1\n" * 13)


@given(st.text(max_size=300))
def test_any_text_is_a_plan_or_a_plan_error(text: str) -> None:
    """Nothing else comes out, whatever somebody hands in."""
    with suppress(PlanError):
        assert isinstance(read_rollout(text), RolloutPlan)


@given(st.sampled_from(["minutes = 3", "percent = 5", "window = 2", "success_rate = 0.99", '"shadow"']), st.data())
def test_any_value_in_a_keys_place_is_read_or_told(line: str, data: st.DataObject) -> None:
    value = data.draw(st.integers() | st.floats() | st.booleans() | st.sampled_from(['""', "[]", "{}", "1979-05-27"]))
    told = str(value).lower() if isinstance(value, bool) else str(value)
    key = line.partition(" = ")[0]
    changed = PLAN.replace(line, f"{key} = {told}" if " = " in line else told, 1)
    with suppress(PlanError):
        assert isinstance(read_rollout(changed), RolloutPlan)


ANSWERS = st.lists(
    st.builds(
        Answer,
        good=st.booleans(),
        ms=st.floats(0, 2000),
        differs=st.none() | st.booleans(),
        counted=st.booleans(),
    ),
    max_size=60,
)


@given(st.lists(ANSWERS, max_size=6))
def test_minutes_added_up_are_the_window_of_all_their_answers(minutes: list[list[Answer]]) -> None:
    whole = Window.of([answer for one in minutes for answer in one], 250)
    assert added([Window.of(one, 250) for one in minutes]) == whole


@given(ANSWERS, st.sampled_from([50, 75, 90, 95, 99, 99.9]))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_pass(answers: list[Answer], percent: float) -> None:
    window = Window.of(answers, 250)
    found = window.latency(f"p{percent:g}_ms")
    if not window.ms:
        assert found is None
        return
    assert found in window.ms
    below = sum(ms <= found for ms in window.ms)
    assert below >= len(window.ms) * percent / 100 - 1e-6
    assert sum(ms < found for ms in window.ms) < len(window.ms) * percent / 100


@given(ANSWERS, st.floats(0, 0.9999))
def test_shares_stay_within_their_bounds(answers: list[Answer], objective: float) -> None:
    window = Window.of(answers, 250)
    for share in (window.success_rate, window.differences):
        assert share is None or 0 <= share <= 1
    burn = window.burn(objective)
    assert burn is None or 0 <= burn <= 1 / (1 - objective) + 1e-6
    mean = window.latency("mean_ms")
    assert mean is None or min(window.ms) - 1e-6 <= mean <= max(window.ms) + 1e-6


@given(ANSWERS, st.integers(1, 60))
def test_one_more_failure_never_opens_a_gate(answers: list[Answer], fewest: int) -> None:
    gate = Gate(1, fewest, 0.9, 0.1, 2.0, {})
    if breached(gate, Window.of(answers, 250), OBJECTIVE, fewest):
        worse = Window.of([*answers, Answer(good=False, ms=1.0, differs=True)], 250)
        assert breached(gate, worse, OBJECTIVE, fewest)


def test_what_is_no_latency_is_refused() -> None:
    with pytest.raises(ValueError, match="is no latency"):
        minute(GOOD).latency("p_ms")


@pytest.mark.parametrize(
    ("stage", "minutes", "expected"),
    [
        (0, [[GOOD] * 10], ("hold", "the stage is not over")),
        (0, [[GOOD] * 10] * 2, ("promote", "the gate holds")),
        (0, [[GOOD] * 4] * 2, ("hold", "8 requests in 2 minutes: the gate needs 10")),
        (0, [[WRONG] * 10] * 2, ("hold", "the gate is shut: differences is 1.0000: 20 of 20 answers differ, above 0")),
        (0, [[SLOW] * 10] * 2, ("promote", "the gate holds")),  # nobody waits for a copy of a read: no trigger there
        (1, [[SLOW] * 10], ("roll back", "budget_burn is 100.0 over 10 requests, above 10")),
        (2, [[BAD] * 9], ("hold", "the stage is not over")),
        (2, [[BAD] * 9, [GOOD]], ("roll back", "budget_burn is 90.0 over 10 requests, above 10")),
        (2, [[SLOW, *[GOOD] * 19]] * 3, ("promote", "the gate holds")),
        (2, [[SLOW] * 2 + [GOOD] * 18], ("roll back", "p95_ms is 900 ms over 20 requests, above 250")),
    ],
)
def test_decisions(stage: int, minutes: list[list[Answer]], expected: tuple[str, str]) -> None:
    plan = read_rollout(PLAN)
    if expected[1].startswith("p95_ms"):
        plan = read_rollout(PLAN.replace("budget_burn = 10", ""))
    assert decide(plan, stage, [minute(*one) for one in minutes], OBJECTIVE) == expected


def test_only_its_window_counts() -> None:
    plan = read_rollout(PLAN)
    assert decide(plan, 2, [minute(*[BAD] * 20), *[minute(*[GOOD] * 10)] * 3], OBJECTIVE)[0] == "promote"


def test_what_was_only_compared_counts_for_differences_alone() -> None:
    beside = Answer(good=True, ms=9000, differs=True, counted=False)
    window = minute(GOOD, beside)
    assert (window.requests, window.ms, window.bad) == (1, (20,), 0)
    assert (window.compared, window.differing) == (2, 1)


def test_a_gate_that_cannot_fail_says_so_of_each_metric() -> None:
    gate = Gate(1, 1, 0.0, 1.0, 100.0, {"p95_ms": 2000, "p99_ms": 1999})
    told = toothless(gate, OBJECTIVE, 2000)
    assert [line.partition(" ")[0] for line in told] == ["success_rate", "differences", "budget_burn", "p95_ms"]


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1000),
    st.floats(0, 60_000),
    st.lists(st.builds(Answer, good=st.booleans(), ms=st.floats(0, 2000), differs=st.booleans()), min_size=1),
)
def test_what_is_called_toothless_is_breached_by_nothing(
    rate: float, differences: float, burn: float, ms: float, answers: list[Answer]
) -> None:
    gate = Gate(1, 1, rate, differences, burn, {"p99_ms": ms})
    if len(toothless(gate, OBJECTIVE, 2000)) == 4:
        assert breached(gate, Window.of(answers, 250), OBJECTIVE, 1) == ""


def test_a_stage_is_a_value() -> None:
    assert Stage("canary", 3, 5.0) == read_rollout(PLAN).stages[2]
    assert math.isclose(read_rollout(PLAN).stages[4].percent, 100)
