"""The files of debug-trace fit together: faults, starter, recording, findings, brief."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from scripts import record_traces
from scripts.faults import lay_out

from assesskit.checks import diagnosis, findings, rerun
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.submitted import Submitted
from assesskit.checks.symptoms import KINDS, fitting
from assesskit.checks.tracing import Caller
from assesskit.content import load
from assesskit.content.digests import files_below
from assesskit.prove import apply_patch

ROOT = Path(__file__).parents[2]
EXERCISE = ROOT / "exercises" / "debug-trace"
FAULTS = tomllib.loads((EXERCISE / "faults.toml").read_text())
CLASSES = ("propagation", "telemetry", "production")
PATCHES = sorted(EXERCISE.glob("proof/mutants/*/change.patch"))
PARTS = ("gateway", "checkout", "pricing", "inventory", "worker")
SHOWS = {
    "two-header-formats": "mixed-propagation",
    "batch-lost-at-sigterm": "spans-lost-at-stop",
    "retries-in-two-layers": "nested-retries",
    "pool-of-one": "pool-too-small",
    "stampede": "stampede",
}
"""What each fault of the starter shows as in a recording."""
ABOUT_FINDINGS = ("diagnosis.findings", "diagnosis.root-cause", "diagnosis.plan", "diagnosis.plan-rerun")


@pytest.fixture(scope="module")
def exercise():
    return load(ROOT, "debug-trace")


@pytest.fixture(scope="module")
def recording():
    return diagnosis.recorded(EXERCISE / "recording" / "traces.json", "hamper")


def told(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_below(folder).items()}


def test_there_are_sixteen_faults_and_more_of_three_classes_each_a_wrong_program():
    names = [name for each in CLASSES for name in FAULTS[each]]
    assert len(names) == len(set(names)) >= 16
    assert {name for name in names if not (EXERCISE / "proof/mutants" / name / "change.patch").is_file()} == set()


def test_the_starter_has_one_fault_of_propagation_one_of_telemetry_and_three_of_production_one_masking_another():
    counted = [sum(name in FAULTS[each] for name in FAULTS["starter"]) for each in CLASSES]
    assert counted == [1, 1, 3]
    for mask, masked in FAULTS["masks"].items():
        assert {mask, masked} <= {*FAULTS["starter"]} & {*FAULTS["production"]}


def test_the_starter_is_the_repaired_system_with_these_faults(tmp_path):
    lay_out(tmp_path / "starter")
    assert told(tmp_path / "starter") == told(EXERCISE / "starter")


def test_the_starter_fails_what_its_faults_fail_and_the_diagnosis(exercise):
    claims = {mutant.name: mutant.fails for mutant in exercise.mutants}
    expected = {criterion for fault in FAULTS["starter"] for criterion in claims[fault]}
    assert set(exercise.spec.proof.starter.fails) == expected | {*ABOUT_FINDINGS}


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


def test_the_recording_is_of_this_system_and_the_exercise_hands_out_the_same():
    about = json.loads((record_traces.RECORDING / "about.json").read_text())
    assert about["rests_on"] == record_traces.rests_on(), "run: python -m scripts.record_traces"
    kept = told(record_traces.RECORDING)
    del kept["about.json"]
    assert kept == told(EXERCISE / "recording")


def test_candidates_get_all_of_the_recording(exercise):
    given = {name for name, _ in exercise.handout() if name.startswith("recording/")}
    assert given == {f"recording/{name}" for name in told(EXERCISE / "recording")}


def test_the_recording_shows_the_faults_of_the_starter_and_no_others(recording):
    shown = {kind for kind, spans in fitting(recording).items() if spans}
    assert shown == {SHOWS[fault] for fault in FAULTS["starter"]}


def test_the_recording_holds_nothing_of_the_machine_it_was_made_on(recording):
    text = b"".join(told(EXERCISE / "recording").values()).decode()
    assert re.findall(r"127\.0\.0\.1|localhost|/(?:home|tmp|root|usr|work)/|\.py\b|hostname", text) == []
    tags = {key for span in recording.spans for key in span.attributes}
    assert tags <= record_traces.KEPT


def findings_of(folder: Path) -> Submitted:
    return Submitted({findings.FILE: (folder / findings.FILE).read_bytes()}, {})


def failing(folder: Path, recording: Any, facts: Any) -> set[str]:
    """Which criteria of the diagnosis the findings in `folder` fail."""
    found, objective = findings.read(findings_of(folder)), diagnosis.Objective(**facts["objective"])
    failed: set[str] = set()
    checks: dict[str, Callable[[], None]] = {
        "diagnosis.findings": lambda: diagnosis.expect_findings(found, recording, Evidence()),
        "diagnosis.root-cause": lambda: diagnosis.expect_root_cause(found, recording, facts["root_cause"], Evidence()),
        "diagnosis.plan": lambda: diagnosis.expect_plan(found, objective),
        "diagnosis.plan-rerun": lambda: rerun.expect_objective(
            found.plan, objective, rerun.Night(**facts["night"]), recording, Evidence()
        ),
    }
    for criterion, check in checks.items():
        try:
            check()
        except Failure:
            failed.add(criterion)
    return failed


@pytest.mark.parametrize("program", ["proof/reference", "proof/alternates/composite", "proof/alternates/opentelemetry"])
def test_right_findings_are_right_about_this_recording(program, exercise, recording):
    assert failing(EXERCISE / program, recording, exercise.spec.grader.facts) == set()


def test_wrong_findings_fail_what_they_claim(exercise, recording, tmp_path):
    about = [mutant for mutant in exercise.mutants if {*mutant.fails} & {*ABOUT_FINDINGS}]
    assert len(about) >= 5
    for mutant in about:
        program = shutil.copytree(EXERCISE / "proof/reference", tmp_path / mutant.name)
        apply_patch(mutant.patch, program)
        assert failing(program, recording, exercise.spec.grader.facts) == {*mutant.fails}, mutant.name


def test_the_starter_says_nothing_yet(exercise, recording):
    assert failing(EXERCISE / "starter", recording, exercise.spec.grader.facts) == {*ABOUT_FINDINGS}


def test_the_brief_names_every_criterion_with_its_points_and_whether_its_checks_are_public(exercise):
    rows = re.findall(r"^\| `([a-z.-]+)`( ★)? \| (\d+) \|", (EXERCISE / "brief.md").read_text(), re.MULTILINE)
    told = {name: (bool(star), int(points)) for name, star, points in rows}
    public = {name for name, checks in exercise.checks.items() if any(c.visibility == "public" for c in checks)}
    assert told == {criterion.id: (criterion.id in public, criterion.points) for criterion in exercise.criteria}


def test_the_brief_names_every_variable_kind_and_edge(exercise):
    brief = (EXERCISE / "brief.md").read_text()
    variables = {name for part in exercise.spec.submission.parts for name in part.env}
    names = {*variables, *exercise.spec.submission.env, *KINDS}
    assert [name for name in sorted(names) if f"`{name}`" not in brief] == []
    assert [edge for edge in exercise.spec.grader.facts["objective"]["edges"] if edge not in brief] == []


@pytest.fixture
def system(tmp_path: Path) -> Iterator[record_traces.System]:
    """The repaired system, as plain processes with relays between them."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        yield record_traces.System(EXERCISE / "proof" / "reference", logs, stack)


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
