"""Every variant of build-service is an exercise as sound as the one that is written down."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from assesskit.content import load
from assesskit.content.variation import rendered, variant
from assesskit.prove import apply_patch
from assesskit.variants import words_of

ROOT = Path(__file__).parents[2]
EXERCISE = "exercises/build-service"
SEEDS = [f"C-{number:04}" for number in range(40)]
WHOLE = SEEDS[:3]
DEFAULT = load(ROOT, "build-service")
LEFT = re.compile(r"(?i:order|inventor|quantit|goods|stock|\bsku\b|\bnote\b)|\bTEA\b|\bOUT\b")
"""What of the default domain must not be left in what a candidate gets."""
NUMBERS = {"144": "domain.py", "240": "domain.py", "140": "api.py", "72": "api.py", "18": "api.py", "48": "app.py"}
"""Which file of the reference means a limit by its number, besides brief and contract.

What means anything else must be written otherwise.
"""


@pytest.fixture(scope="module")
def variants() -> dict[str, dict[str, str]]:
    """The files of every seed as text, by the paths they have in the sources."""
    sources = [name.removeprefix(f"{EXERCISE}/") for name in DEFAULT.sources()]
    texts = {seed: (file.data.decode() for file in rendered(DEFAULT, seed).values()) for seed in SEEDS}
    return {seed: dict(zip(sources, files, strict=True)) for seed, files in texts.items()}


def handout(files: dict[str, str]) -> dict[str, str]:
    given = [path.relative_to(ROOT).as_posix().removeprefix(f"{EXERCISE}/") for _, path in DEFAULT.handout()]
    return {name: files[name] for name in given if name != "wheels.txt"}


def test_five_hundred_seeds_give_at_least_450_variants_and_as_many_contracts_and_briefs():
    drawn = [variant("build-service", str(seed), DEFAULT.parameters) for seed in range(500)]
    assert len({str(each.parameters) for each in drawn}) >= 450


def test_different_variants_have_different_briefs_and_contracts(variants):
    drawn = {str(variant("build-service", seed, DEFAULT.parameters).parameters) for seed in SEEDS}
    assert len({files["brief.md"] for files in variants.values()}) == len(drawn)
    assert len({files["contract/openapi.yaml"] for files in variants.values()}) == len(drawn)


def test_every_contract_is_what_the_reference_publishes(variants):
    for seed, files in variants.items():
        contract = yaml.load(files["contract/openapi.yaml"], yaml.CSafeLoader)
        assert json.loads(files["proof/reference/orders/openapi.json"]) == contract, seed


@pytest.mark.parametrize("seed", WHOLE)
def test_the_contract_is_valid(variants, seed):
    validate(yaml.safe_load(variants[seed]["contract/openapi.yaml"]))


def test_a_contract_says_the_limits_that_were_drawn(variants):
    for seed, files in variants.items():
        drawn = variant("build-service", seed, DEFAULT.parameters).parameters
        contract = yaml.load(files["contract/openapi.yaml"], yaml.CSafeLoader)
        path = next(iter(contract["paths"]))
        limit = contract["paths"][path]["get"]["parameters"][0]["schema"]
        assert path.startswith(f"/v1/{drawn['domain']}")
        assert (limit["maximum"], limit["default"]) == (int(drawn["max_page"]), int(drawn["default_page"]))
        assert contract["components"]["parameters"]["IdempotencyKey"]["schema"]["maxLength"] == int(drawn["max_key"])
        assert f"larger than {drawn['max_body_kib']} KiB" in contract["info"]["description"]


def test_every_program_and_check_is_python(variants):
    for files in variants.values():
        for name, text in files.items():
            if name.endswith(".py"):
                ast.parse(text, name)


def test_a_candidate_meets_one_domain_only(variants):
    for seed, files in variants.items():
        if variant("build-service", seed, DEFAULT.parameters).parameters["domain"] == "order":
            continue
        left = [
            f"{seed}: {name}: {line}"
            for name, text in handout(files).items()
            for line in text.splitlines()
            if LEFT.search(line)
        ]
        assert left == []


def test_articles_agree_with_the_words_that_were_drawn(variants):
    for seed, files in variants.items():
        drawn = {word for each in DEFAULT.parameters for choice in each.choices for word in choice.values()}
        words = "|".join(word for word in drawn if word.islower())
        wrong = re.compile(rf"\b(?:a [`*]*(?=[aeiou])|an [`*]*(?=[^aeiou`*]))(?:{words})\b", re.IGNORECASE)
        found = [f"{seed}: {name}: {wrong.findall(text)}" for name, text in files.items() if wrong.search(text)]
        assert found == []


@pytest.mark.parametrize("seed", WHOLE)
def test_a_variant_holds_together_and_its_wrong_programs_too(seed, tmp_path):
    exercise = load(ROOT, "build-service", seed, cache=tmp_path)
    assert set(exercise.spec.submission.env) != set(DEFAULT.spec.submission.env)
    for mutant in exercise.mutants:
        if mutant.patch:
            program = shutil.copytree(exercise.folder / exercise.spec.proof.reference, tmp_path / mutant.name)
            apply_patch(mutant.patch, program)
            for source in program.rglob("*.py"):
                ast.parse(source.read_text(), source.name)


def names(tree: ast.AST) -> Iterator[str]:
    """Every name by which a program could be spoken to: what it defines and takes, and the attributes it uses."""
    for node in ast.walk(tree):
        for field in ("name", "arg", "attr"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def test_graders_use_nothing_of_the_check_library_that_would_be_renamed():
    library = [file for room in ("checks", "instruments") for file in (ROOT / "src/assesskit" / room).glob("*.py")]
    known = {name for file in library for name in names(ast.parse(file.read_text()))}
    used = {name for file in (ROOT / "graders").rglob("*.py") for name in names(ast.parse(file.read_text()))}
    written = {word for parameter in DEFAULT.parameters for word in parameter.written}
    assert sorted(name for name in known & used if words_of(name) & written) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_exchanged_stand_where_they_are_meant_and_nowhere_else(number):
    found = {
        name.removeprefix(f"{EXERCISE}/")
        for name, path in DEFAULT.sources().items()
        if not re.search("/(alternates|mutants)/|openapi.json$", name)
        and re.search(rf"(?<![\w.]){number}(?!\w|\.\d)", path.read_text())
    }
    assert found == {"brief.md", "contract/openapi.yaml", f"proof/reference/orders/{NUMBERS[number]}"}
