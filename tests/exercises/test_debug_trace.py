"""The files of debug-trace fit together: faults, starter, recording, findings, brief."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from scripts import findings as written
from scripts import night, record_traces
from scripts.faults import lay_out, own_files, symptoms

from assesskit.checks import diagnosis, findings, rerun
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.span_recording import Recording
from assesskit.checks.submitted import Submitted
from assesskit.checks.tracing import Caller
from assesskit.content import load
from assesskit.content.digests import files_below
from assesskit.proof.claims import claims
from assesskit.prove import apply_patch
from assesskit.prove.golden import normal

ROOT = Path(__file__).parents[2]
EXERCISE = ROOT / "exercises" / "debug-trace"
FAULTS = {
    "propagation": [
        "two-header-formats",
        "pool-without-context",
        "header-forwarded",
        "stale-header-wins",
        "malformed-header-crashes",
        "consumer-starts-anew",
        "message-without-context",
    ],
    "telemetry": [
        "tracer-before-fork",
        "batch-lost-at-sigterm",
        "legacy-batch-lost",
        "export-queue-too-small",
        "span-left-open",
        "samples-by-its-own-will",
        "sampling-mismatch",
        "error-after-its-span",
    ],
    "production": [
        "retries-in-two-layers",
        "retries-without-budget",
        "deadline-not-passed-on",
        "timeouts-inverted",
        "pool-of-one",
        "part-by-part",
        "stampede",
        "line-by-line",
        "no-retries",
        "breaker-stays-open",
    ],
}
"""Faults by their class. Of some a recording can show nothing, so they are in no set."""
PATCHES = sorted(EXERCISE.glob("proof/mutants/*/change.patch"))
SETS = load(ROOT, "debug-trace").sets
FIRST = next(iter(SETS))
PARTS = ("gateway", "checkout", "pricing", "inventory", "worker")
SHOWS = {
    "two-header-formats": "mixed-propagation",
    "pool-without-context": "context-lost-in-pool",
    "consumer-starts-anew": "consumer-without-context",
    "message-without-context": "consumer-without-context",
    "batch-lost-at-sigterm": "spans-lost-at-stop",
    "legacy-batch-lost": "spans-lost-at-stop",
    "span-left-open": "span-never-ended",
    "samples-by-its-own-will": "always-on-child",
    "error-after-its-span": "error-hidden",
    "retries-in-two-layers": "nested-retries",
    "retries-without-budget": "retries-unbounded",
    "deadline-not-passed-on": "deadline-ignored",
    "timeouts-inverted": "deadline-ignored",
    "pool-of-one": "pool-too-small",
    "part-by-part": "one-query-for-each-part",
    "stampede": "stampede",
    "line-by-line": "lines-one-after-the-other",
}
"""What each fault that a set may have shows as in a recording."""
ENOUGH_SPANS = 3
"""That show a kind: who looks finds it."""
ABOUT_FINDINGS = ("diagnosis.findings", "diagnosis.root-cause", "diagnosis.plan", "diagnosis.plan-rerun")


@pytest.fixture(scope="module")
def exercise():
    return load(ROOT, "debug-trace")


def recording_of(name: str) -> Recording:
    return diagnosis.recorded(own_files(name) / "recording" / "traces.json", "hamper")


@pytest.fixture(scope="module")
def recording():
    return recording_of(FIRST)


def told(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(folder).items()}


def test_there_are_sixteen_faults_and_more_of_three_classes_each_a_wrong_program():
    names = [name for each in FAULTS.values() for name in each]
    assert len(names) == len(set(names)) >= 16
    assert {name for name in names if not (EXERCISE / "proof/mutants" / name / "change.patch").is_file()} == set()


def counted(name: str) -> list[int]:
    """How many faults of each class a set has."""
    return [sum(fault in each for fault in SETS[name].faults) for each in FAULTS.values()]


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_five_faults_of_which_one_of_production_masks_another(name):
    assert len(SETS[name].faults) == sum(counted(name)) == 5
    assert SETS[name].masks
    for mask, masked in SETS[name].masks.items():
        assert {mask, masked} <= {*SETS[name].faults} & {*FAULTS["production"]}


def test_most_sets_have_one_of_propagation_one_of_telemetry_and_three_of_production_and_a_few_are_without_a_class():
    kinds = [counted(name) for name in SETS]
    assert kinds.count([1, 1, 3]) >= 12
    assert {tuple(each) for each in kinds} == {(1, 1, 3), (0, 1, 4), (1, 0, 4)}


def test_seeds_draw_at_least_sixteen_faults_and_none_is_in_nearly_every_set():
    times = Counter(fault for each in SETS.values() for fault in each.faults)
    assert len(times) >= 16
    assert set(times) == set(SHOWS)
    assert max(times.values()) <= 12


def test_the_starter_is_the_repaired_system_with_these_faults(tmp_path):
    lay_out(FIRST, tmp_path / "starter")
    assert told(tmp_path / "starter") == told(EXERCISE / "starter")


@pytest.mark.parametrize("name", SETS)
def test_every_starter_is_sound_python(name, tmp_path):
    lay_out(name, tmp_path / "starter")
    assert told(tmp_path / "starter") != told(EXERCISE / "proof" / "reference")
    for source in tmp_path.rglob("*.py"):
        compile(source.read_bytes(), source.name, "exec")


def test_the_starter_fails_what_its_faults_fail_and_the_diagnosis(exercise):
    fails = {mutant.name: mutant.fails for mutant in exercise.mutants}
    expected = {criterion for fault in SETS[FIRST].faults for criterion in fails[fault]}
    (starter,) = [claim for claim in claims(exercise) if claim.kind == "starter"]
    assert set(starter.fails) == expected | {*ABOUT_FINDINGS}


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.parent.name)
def test_wrong_programs_are_sound_python_for_all_that(patch, tmp_path):
    program = shutil.copytree(EXERCISE / "proof/reference", tmp_path / patch.parent.name)
    apply_patch(patch, program)
    for source in program.rglob("*.py"):
        compile(source.read_bytes(), source.name, "exec")


@pytest.mark.parametrize("program", ["starter", "proof/reference", "proof/alternates/composite"])
def test_programs_install_only_what_every_build_may(program):
    wheels = {line for line in (EXERCISE / "wheels.txt").read_text().splitlines() if not line.startswith("#")}
    for part in PARTS:
        assert set((EXERCISE / program / part / "requirements.txt").read_text().splitlines()) <= wheels


@pytest.mark.parametrize("name", SETS)
def test_every_recording_is_of_the_system_as_it_is(name):
    assert record_traces.about()[name]["rests_on"] == record_traces.rests_on(name), (
        "run: python -m scripts.record_traces"
    )
    assert record_traces.about()[name]["spans"] == len(recording_of(name).spans)


def test_there_is_a_recording_for_each_set_and_of_no_other():
    assert [*record_traces.about()] == [*SETS]


def test_the_fixtures_are_what_the_exercise_hands_out():
    kept = told(record_traces.KEPT_HERE)
    del kept[record_traces.ABOUT.name]
    assert kept == told(EXERCISE / "recording")


def test_recordings_are_small():
    sizes = {name: sum(len(data) for data in told(own_files(name) / "recording").values()) for name in SETS}
    assert max(sizes.values()) < 850_000, sizes
    assert sum(sizes.values()) < 7_000_000


def test_candidates_get_all_of_the_recording(exercise):
    given = {name for name, _ in exercise.handout() if name.startswith("recording/")}
    assert given == {f"recording/{name}" for name in told(EXERCISE / "recording")}


@pytest.mark.parametrize("name", SETS)
def test_a_recording_shows_the_faults_of_its_set_and_no_others(name):
    shown = {kind: len(spans) for kind, spans in symptoms().fitting(recording_of(name)).items() if spans}
    assert set(shown) == {SHOWS[fault] for fault in SETS[name].faults}
    assert min(shown.values()) >= ENOUGH_SPANS


@pytest.mark.parametrize("name", SETS)
def test_the_root_cause_of_a_set_is_its_first_fault_of_production(name):
    first = next(fault for fault in SETS[name].faults if fault in FAULTS["production"])
    assert symptoms().root_cause(symptoms().fitting(recording_of(name))) == SHOWS[first]


@pytest.mark.parametrize("name", SETS)
def test_a_recording_holds_nothing_of_the_machine_it_was_made_on(name):
    text = b"".join(told(own_files(name) / "recording").values()).decode()
    assert re.findall(r"127\.0\.0\.1|localhost|/(?:home|tmp|root|usr|work)/|\.py\b|hostname", text) == []
    tags = {key for span in recording_of(name).spans for key in span.attributes}
    assert tags <= record_traces.KEPT


def findings_of(folder: Path) -> Submitted:
    return Submitted({findings.FILE: (folder / findings.FILE).read_bytes()}, {})


def failing(folder: Path, recording: Any, facts: Any) -> dict[str, str]:
    """Which criteria of the diagnosis the findings in `folder` fail, and what their author reads about each."""
    found, plan = findings.read(findings_of(folder)), findings.plan(findings_of(folder))
    objective = diagnosis.Objective(**facts["objective"])
    truth = symptoms().fitting(recording)
    failed: dict[str, str] = {}
    checks: dict[str, Callable[[], None]] = {
        "diagnosis.findings": lambda: diagnosis.expect_findings(found, recording, truth, Evidence()),
        "diagnosis.root-cause": lambda: diagnosis.expect_root_cause(
            found, recording, truth, symptoms().root_cause(truth), Evidence()
        ),
        "diagnosis.plan": lambda: diagnosis.expect_plan(plan, objective),
        "diagnosis.plan-rerun": lambda: rerun.expect_objective(
            plan, objective, rerun.Night(**facts["night"]), recording, Evidence()
        ),
    }
    for criterion, check in checks.items():
        try:
            check()
        except Failure as failure:
            parts = {word: getattr(failure, word) for word in ("sent", "received", "expected", "rule")}
            lines = [f"{criterion}: {failure.summary}", *(f"  {word}: {text}" for word, text in parts.items() if text)]
            failed[criterion] = "\n".join(lines) + "\n"
    return failed


RIGHT = ("proof/reference", "proof/alternates/composite", "proof/alternates/opentelemetry")


@pytest.mark.parametrize("name", SETS)
def test_right_findings_are_right_about_each_recording(name, exercise):
    recording = recording_of(name)
    for program in RIGHT:
        assert failing(own_files(name) / program, recording, exercise.spec.grader.facts) == {}, program


@pytest.mark.parametrize("name", SETS)
def test_wrong_findings_fail_what_they_claim_about_each_recording(name, exercise, tmp_path):
    recording = recording_of(name)
    about = [mutant for mutant in exercise.mutants if {*mutant.fails} & {*ABOUT_FINDINGS}]
    assert len(about) >= 5
    for mutant in about:
        program = tmp_path / mutant.name
        program.mkdir()
        shutil.copy(own_files(name) / "proof/reference" / findings.FILE, program)
        own = own_files(name) / "proof/mutants" / mutant.name / "change.patch"
        apply_patch(own if own.is_file() else mutant.patch, program)
        failed = failing(program, recording, exercise.spec.grader.facts)
        assert {*failed} == {*mutant.fails}, mutant.name
        assert normal("\n".join(failed.values())) == mutant.golden.read_text(), mutant.name


def test_nobody_has_written_findings_by_hand(tmp_path, monkeypatch):
    """What the script writes is what is there, so a new recording brings its findings along."""
    before = {name: told(own_files(name) / "proof") for name in SETS}
    seen: dict[str, dict[str, bytes]] = {name: {} for name in SETS}
    for name in SETS:
        folder = own_files(name) / "proof"

        def keep(path: Path, text: str, folder: Path = folder, name: str = name) -> None:
            seen[name][path.relative_to(folder).as_posix()] = text.encode()

        monkeypatch.setattr(written, "_write", keep)
        written.write_findings(name)
        assert seen[name].items() <= before[name].items()
        assert len(seen[name]) == 8


@pytest.mark.parametrize(
    ("fault", "retries"),
    [
        ("retries-in-two-layers", {"gateway-checkout": 2, "checkout-payments": 2}),
        ("retries-without-budget", {"checkout-payments": 2}),
    ],
)
def test_the_model_makes_of_the_starters_numbers_what_was_counted_on_the_night(fault, retries, exercise):
    """Calls for each request while payments are dead: the model's are those of the system that ran."""
    facts = exercise.spec.grader.facts
    objective, last_night = diagnosis.Objective(**facts["objective"]), rerun.Night(**facts["night"])
    plan = findings.Plan(dict.fromkeys(objective.edges, 2000.0), retries, 50, jitter=True, retry_budget=9.0)
    names = [name for name in SETS if fault in SETS[name].faults]
    assert len(names) >= 4
    for name in names:
        recording = recording_of(name)
        dead = rerun.rerun(plan, objective, last_night, rerun.typical(recording, objective.edges))["dead"]
        told = json.loads((own_files(name) / "recording" / "metrics.json").read_text())["payments"]
        assert dead.calls / last_night.requests == told["failed"] / (night.AT_ONCE * night.TIMES), name


def test_the_starter_says_nothing_yet(exercise, recording):
    assert failing(EXERCISE / "starter", recording, exercise.spec.grader.facts).keys() == {*ABOUT_FINDINGS}


def test_the_brief_names_every_criterion_with_its_points_and_whether_its_checks_are_public(exercise):
    rows = re.findall(r"^\| `([a-z.-]+)`( ★)? \| (\d+) \|", (EXERCISE / "brief.md").read_text(), re.MULTILINE)
    told = {name: (bool(star), int(points)) for name, star, points in rows}
    public = {name for name, checks in exercise.checks.items() if any(c.visibility == "public" for c in checks)}
    assert told == {criterion.id: (criterion.id in public, criterion.points) for criterion in exercise.criteria}


def test_the_brief_names_every_variable_kind_and_edge(exercise):
    brief = (EXERCISE / "brief.md").read_text()
    variables = {name for part in exercise.spec.submission.parts for name in part.env}
    names = {*variables, *exercise.spec.submission.env, *symptoms().KINDS}
    assert [name for name in sorted(names) if f"`{name}`" not in brief] == []
    assert [edge for edge in exercise.spec.grader.facts["objective"]["edges"] if edge not in brief] == []


@pytest.fixture
def system(tmp_path: Path) -> Iterator[night.System]:
    """The repaired system, as plain processes with relays between them."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        yield night.System(EXERCISE / "proof" / "reference", logs, stack)


def test_the_repaired_system_makes_one_trace_of_one_request(system):
    caller = Caller.fresh()
    answer = requests.post(
        f"http://127.0.0.1:{system.ports['gateway']}/checkouts",
        json={"order": "N-000001", "lines": [{"hamper": "HAM-000017", "quantity": 2}]},
        headers={"traceparent": caller.traceparent},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["order"]) == (200, "N-000001")
    spans = system.collector.spans(caller.trace_id, settle=3.0, timeout=12.0)
    assert {span.source for span in spans} == {*PARTS}
    there = {caller.span_id, *(span.span_id for span in spans)}
    assert [span for span in spans if span.parent_id not in there] == []
