"""The files of extract-endpoint fit together: brief, recording, documents, programs, wrong ones."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.exercises.conftest import Program, free_port

from assesskit.checks import described, gatekeeping, recording
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure
from assesskit.checks.services import Service
from assesskit.content import load
from assesskit.content.digests import files_below
from assesskit.instruments.rollout_plan import read_rollout
from assesskit.prove import apply_patch

ROOT = Path(__file__).parents[2]
EXERCISE = ROOT / "exercises" / "extract-endpoint"
PATCHES = sorted(EXERCISE.glob("proof/mutants/*/change.patch"))
RIGHT = ("reference", "alternates/starlette", "alternates/node")
CONTEXT = "/accounts/*/invoices"


@pytest.fixture(scope="module")
def exercise():
    return load(ROOT, "extract-endpoint")


@pytest.fixture(scope="module")
def recorded():
    return recording.exchanges(CONTEXT, EXERCISE / "recording" / "traffic.jsonl")


def pinned(requirements: Path) -> set[str]:
    lines = requirements.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_brief_names_every_criterion_with_its_points_and_whether_its_checks_are_public(exercise):
    rows = re.findall(r"^\| `([a-z.-]+)`( ★)? \| (\d+) \|", (EXERCISE / "brief.md").read_text(), re.MULTILINE)
    told = {name: (bool(star), int(points)) for name, star, points in rows}
    public = {name for name, checks in exercise.checks.items() if any(c.visibility == "public" for c in checks)}
    assert told == {criterion.id: (criterion.id in public, criterion.points) for criterion in exercise.criteria}


def test_the_brief_names_every_variable(exercise):
    brief = (EXERCISE / "brief.md").read_text()
    names = {name for part in exercise.spec.submission.parts for name in part.env} | {*exercise.spec.submission.env}
    assert [name for name in names if f"`{name}`" not in brief] == []


def test_a_candidate_gets_the_source_of_the_monolith_as_it_runs(exercise):
    given = {name.removeprefix("monolith/"): path for name, path in exercise.handout() if name.startswith("monolith/")}
    assert given == files_below(EXERCISE / "services" / "monolith")


@pytest.mark.parametrize(
    "program",
    [
        "services/monolith",
        "starter/service",
        *(f"proof/{name}/{part}" for name in RIGHT[:2] for part in ("service", "contracts/gate")),
    ],
)
def test_programs_install_only_what_every_build_may(program):
    assert pinned(EXERCISE / program / "requirements.txt") <= pinned(EXERCISE / "wheels.txt")


@pytest.mark.parametrize("name", RIGHT)
def test_the_document_is_valid_and_the_one_that_is_served_and_what_was_recorded_fits_it(name, recorded):
    folder = EXERCISE / "proof" / name
    document = yaml.safe_load((folder / "contracts" / "openapi.yaml").read_text())
    validate(document)
    (served,) = folder.glob("service/**/openapi.json")
    assert json.loads(served.read_text()) == document
    assert described.expect_described(document, recorded, "cents") == len(recorded)


@pytest.mark.parametrize("name", RIGHT)
def test_event_schemas_are_valid_and_there_for_every_type(exercise, name):
    telling = exercise.spec.grader.facts["telling"]
    types = {telling["made"], *telling["types"].values()}
    files = list((EXERCISE / "proof" / name / "events").glob("*.schema.json"))
    assert {file.name.removesuffix(".schema.json") for file in files} == types
    for file in files:
        Draft202012Validator.check_schema(json.loads(file.read_text()))


@pytest.mark.parametrize("name", RIGHT)
def test_rollout_plans_can_be_read(name):
    assert read_rollout((EXERCISE / "proof" / name / "rollout.toml").read_text()).rollback is not None


def test_the_plan_of_the_brief_can_be_read_but_for_what_it_says():
    text = (EXERCISE / "brief.md").read_text()
    (plan,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert [stage.mode for stage in read_rollout(plan).stages] == ["shadow", "mirror", "canary", "primary"]


@contextmanager
def gate(folder: Path, command: tuple[str, ...]) -> Iterator[Service]:
    port = free_port()
    program = Program(folder, command, {"PORT": str(port)}, "/")
    program.start()
    try:
        yield Service("gate", {"port": port}, None)  # type: ignore[arg-type]  # asks nobody for anything
    finally:
        program.kill()


def test_the_gate_of_the_reference_is_right_about_every_change():
    with gate(EXERCISE / "proof/reference/contracts/gate", ("python3", "gate.py")) as service:
        gatekeeping.expect_gate(service, Evidence())


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_gate_in_node_is_right_about_every_change():
    with gate(EXERCISE / "proof/alternates/node/contracts/gate", ("node", "gate.js")) as service:
        gatekeeping.expect_gate(service, Evidence())


def test_the_gate_of_the_alternate_is_right_about_every_change():
    spec = importlib.util.spec_from_file_location(
        "facts", EXERCISE / "proof/alternates/starlette/contracts/gate/facts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    wrong = [what for what, compatible, old, new in gatekeeping.cases() if (not facts.broken(old, new)) != compatible]
    assert wrong == []


def test_the_gate_of_the_starter_lets_everything_pass_and_is_told_so():
    with (
        gate(EXERCISE / "starter/contracts/gate", ("python3", "gate.py")) as service,
        pytest.raises(Failure, match="the gate is wrong about 18 changes, first: an operation is gone: let pass"),
    ):
        gatekeeping.expect_gate(service, Evidence())


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.parent.name)
def test_wrong_programs_are_sound_python_for_all_that(patch, tmp_path):
    program = shutil.copytree(EXERCISE / "proof/reference", tmp_path / patch.parent.name)
    apply_patch(patch, program)
    for source in program.rglob("*.py"):
        compile(source.read_bytes(), source.name, "exec")


def test_there_are_thirty_wrong_programs_and_more_nine_of_them_plans(exercise):
    plans = [mutant for mutant in exercise.mutants if mutant.patch and "rollout.toml" in mutant.patch.read_text()]
    assert len(exercise.mutants) >= 30
    assert len(plans) >= 9


def test_the_starter_is_ready_and_knows_no_invoices():
    port = free_port()
    program = Program(EXERCISE / "starter" / "service", ("python", "-m", "invoicing"), {"PORT": str(port)}, "/readyz")
    program.start()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            link.sendall(b"GET /accounts/A-1001/invoices HTTP/1.0\r\n\r\n")
            assert link.makefile("rb").readline().split()[1] == b"404"
    finally:
        program.kill()
