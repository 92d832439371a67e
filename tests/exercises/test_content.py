"""The files of build-service fit together."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import requests
import yaml
from openapi_spec_validator import validate

from assesskit.content import load
from assesskit.prove import apply_patch

ROOT = Path(__file__).parents[2]
EXERCISE = ROOT / "exercises" / "build-service"
PATCHES = sorted(EXERCISE.glob("proof/mutants/*/change.patch"))


@pytest.fixture(scope="module")
def exercise():
    return load(ROOT, "build-service")


@pytest.fixture(scope="module")
def contract():
    return yaml.safe_load((EXERCISE / "contract" / "openapi.yaml").read_text())


def pinned(requirements: Path) -> set[str]:
    lines = requirements.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_contract_is_valid(contract):
    validate(contract)


@pytest.mark.parametrize(
    "document",
    [
        "reference/orders/openapi.json",
        "alternates/node/openapi.json",
        "alternates/fastapi/contract/openapi.yaml",
        "mutants/cheat-canned-answers/program/openapi.json",
    ],
)
def test_right_programs_and_copied_documents_publish_the_contract(contract, document):
    assert yaml.safe_load((EXERCISE / "proof" / document).read_text()) == contract


@pytest.mark.parametrize("program", ["services/inventory", "proof/reference", "starter"])
def test_programs_install_only_what_every_build_may(program):
    wheels = pinned(EXERCISE / "wheels.txt")
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in wheels)
    assert pinned(EXERCISE / program / "requirements.txt") <= wheels


def test_the_brief_names_every_criterion_with_its_points_and_whether_its_checks_are_public(exercise):
    rows = re.findall(r"^\| `([a-z.-]+)`( ★)? \| (\d+) \|", (EXERCISE / "brief.md").read_text(), re.MULTILINE)
    told = {name: (bool(star), int(points)) for name, star, points in rows}
    public = {name for name, checks in exercise.checks.items() if any(c.visibility == "public" for c in checks)}
    assert told == {criterion.id: (criterion.id in public, criterion.points) for criterion in exercise.criteria}


def test_the_brief_names_every_variable(exercise):
    brief = (EXERCISE / "brief.md").read_text()
    assert [name for name in exercise.spec.submission.env if f"`{name}`" not in brief] == []


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.parent.name)
def test_wrong_programs_are_sound_python_for_all_that(patch, tmp_path):
    program = shutil.copytree(EXERCISE / "proof/reference", tmp_path / patch.parent.name)
    apply_patch(patch, program)
    for source in program.rglob("*.py"):
        compile(source.read_bytes(), source.name, "exec")


@pytest.mark.parametrize("name", ["check-then-act", "evening-attempt"])
def test_wrong_programs_make_orders(name, launch, tmp_path):
    program = shutil.copytree(EXERCISE / "proof/reference", tmp_path / name)
    apply_patch(EXERCISE / "proof/mutants" / name / "change.patch", program)
    orders = launch.orders(program)
    first = orders.create("k", {"sku": "TEA-1", "quantity": 1})
    assert first.status_code == 201
    assert orders.create("k", {"sku": "TEA-1", "quantity": 1}).json() == first.json()


def test_the_starter_starts(launch):
    starter = launch.starter()
    assert requests.get(f"{starter.url}/readyz", timeout=5).status_code == 200
