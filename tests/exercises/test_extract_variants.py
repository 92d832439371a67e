"""Every variant of extract-endpoint is an exercise as sound as the one that is written down."""

from __future__ import annotations

import ast
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from assesskit.checks import described, recording
from assesskit.checks.moving import Moving
from assesskit.content import load
from assesskit.content.variation import rendered, variant
from assesskit.prove import apply_patch

ROOT = Path(__file__).parents[2]
EXERCISE = "exercises/extract-endpoint"
SEEDS = [f"C-{number:04}" for number in range(24)]
WHOLE = SEEDS[:2]
DEFAULT = load(ROOT, "extract-endpoint")
CONTEXTS = {"invoice", "requisition", "redemption", "quotation"}
LEFT = re.compile(r"(?<![a-z])(?:invoic|issue|settle|void)", re.IGNORECASE)
"""What of the default context must not be left in what a candidate of another gets."""
NUMBERS = ("188", "236", "137", "71")


@pytest.fixture(scope="module")
def variants() -> dict[str, dict[str, str]]:
    """The files of every seed as text, by the paths they have in the sources."""
    sources = [name.removeprefix(f"{EXERCISE}/") for name in DEFAULT.sources()]
    texts = {seed: (file.data.decode() for file in rendered(DEFAULT, seed).values()) for seed in SEEDS}
    return {seed: dict(zip(sources, files, strict=True)) for seed, files in texts.items()}


def drawn(seed: str) -> dict[str, str]:
    return dict(variant("extract-endpoint", seed, DEFAULT.parameters).parameters)


def test_five_hundred_seeds_give_at_least_450_variants():
    assert len({str(drawn(str(seed))) for seed in range(500)}) >= 450


def test_all_four_contexts_are_drawn():
    assert {drawn(seed)["context"] for seed in SEEDS} == CONTEXTS


def test_a_candidate_meets_one_context_only(variants):
    given = [path.relative_to(ROOT).as_posix().removeprefix(f"{EXERCISE}/") for _, path in DEFAULT.handout()]
    for seed, files in variants.items():
        if drawn(seed)["context"] != "invoice":
            left = [
                f"{seed}: {name}: {line}" for name in given for line in files[name].splitlines() if LEFT.search(line)
            ]
            assert left == []


def test_every_program_and_check_is_python(variants):
    for files in variants.values():
        for name, text in files.items():
            if name.endswith(".py"):
                ast.parse(text, name)


def test_facts_are_those_that_checks_take(variants):
    for seed, files in variants.items():
        facts = tomllib.loads(files["exercise.toml"])["grader"]["facts"]
        assert Moving(**facts["moving"]).listed.startswith(drawn(seed)["context"])


def test_the_recording_is_of_the_variant_and_fits_its_document(variants, tmp_path):
    for seed in WHOLE:
        files = variants[seed]
        document = yaml.safe_load(files["proof/reference/contracts/openapi.yaml"])
        validate(document)
        assert json.loads(files["proof/reference/service/invoicing/openapi.json"]) == document
        facts = tomllib.loads(files["exercise.toml"])["grader"]["facts"]["moving"]
        path = tmp_path / f"{seed}.jsonl"
        path.write_text(files["recording/traffic.jsonl"])
        recorded = recording.exchanges(facts["context"], path)
        assert len(recorded) > 150
        assert described.expect_described(document, recorded, facts["money"]) == len(recorded)


@pytest.mark.parametrize("seed", WHOLE)
def test_a_variant_holds_together_and_its_wrong_programs_too(seed, tmp_path):
    exercise = load(ROOT, "extract-endpoint", seed, cache=tmp_path)
    for mutant in exercise.mutants:
        if mutant.patch:
            program = shutil.copytree(exercise.folder / exercise.spec.proof.reference, tmp_path / mutant.name)
            apply_patch(mutant.patch, program)
            for source in program.rglob("*.py"):
                ast.parse(source.read_text(), source.name)


def test_articles_agree_with_the_words_that_were_drawn(variants):
    words = {word for each in DEFAULT.parameters for choice in each.choices for word in choice.values()}
    spelled = "|".join(word for word in words if word.islower())
    wrong = re.compile(rf"\b(?:a [`*]*(?=[aeiou])|an [`*]*(?=[^aeiou`*]))(?:{spelled})\b", re.IGNORECASE)
    found = [
        f"{seed}: {name}: {wrong.findall(text)}"
        for seed, files in variants.items()
        for name, text in files.items()
        if wrong.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_exchanged_are_limits_and_nothing_else(number):
    found = {
        name.removeprefix(f"{EXERCISE}/")
        for name, path in DEFAULT.sources().items()
        if not re.search("/(alternates|mutants)/", name)
        and re.search(rf"(?<![\w.])(?<!\d[-:])(?<!1 to ){number}(?!\w|[.:-]\d)", path.read_text())
    }
    limits = {"services/monolith/backoffice/invoicing.py", "proof/reference/contracts/openapi.yaml"}
    limits |= {f"proof/reference/service/invoicing/{name}" for name in ("api.py", "domain.py", "openapi.json")}
    assert found <= limits
