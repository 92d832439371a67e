"""Every variant of debug-trace is an exercise as sound as the one that is written down."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from scripts.faults import own_files, symptoms

from assesskit.checks import diagnosis, findings
from assesskit.checks.evidence import Evidence
from assesskit.checks.submitted import Submitted
from assesskit.content import Exercise, load
from assesskit.content.digests import files_below
from assesskit.content.faulty import starter_of
from assesskit.content.variation import variant
from assesskit.proof.claims import claims
from assesskit.prove import apply_patch
from assesskit.variants import words_of

ROOT = Path(__file__).parents[2]
DEFAULT = load(ROOT, "debug-trace")
SEEDS = ["C-0001", "C-0006"]  # each draws another word for everything, and another set of faults
LEFT = re.compile(r"(?i:checkout|receipt|\bhampers?\b|\bpence\b)|HAM-")
"""What of the default domain must not be left in what a candidate gets."""


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request, tmp_path_factory) -> Exercise:
    return load(ROOT, "debug-trace", request.param, cache=tmp_path_factory.mktemp("variants"))


def test_five_hundred_seeds_give_at_least_450_variants():
    drawn = [variant("debug-trace", str(seed), DEFAULT.parameters, DEFAULT.sets) for seed in range(500)]
    assert len({str(each.parameters) for each in drawn}) >= 450


def test_every_set_of_faults_is_drawn_about_as_often():
    drawn = [
        variant("debug-trace", str(seed), DEFAULT.parameters, DEFAULT.sets).parameters["sets"] for seed in range(800)
    ]
    times = Counter(drawn)
    assert set(times) == set(DEFAULT.sets)
    assert max(times.values()) < 3 * min(times.values())


def test_a_set_is_drawn_by_a_stream_of_its_own():
    """Adding a parameter moves no set, and adding sets moves no parameter."""
    for seed in map(str, range(20)):
        whole = variant("debug-trace", seed, DEFAULT.parameters, DEFAULT.sets).parameters
        assert whole["sets"] == variant("debug-trace", seed, (), DEFAULT.sets).parameters["sets"]
        assert whole.items() >= variant("debug-trace", seed, DEFAULT.parameters).parameters.items()


def test_its_starter_has_the_faults_that_were_drawn_and_fails_what_they_fail(drawn, tmp_path):
    assert drawn.variant.parameters["sets"] != next(iter(DEFAULT.sets))
    starter = starter_of(drawn, drawn.faults, tmp_path / "starter")
    there = {name: path.read_bytes() for name, path in files_below(drawn.folder / "starter").items()}
    assert {name: path.read_bytes() for name, path in files_below(starter).items()} == there
    (claim,) = [one for one in claims(drawn) if one.kind == "starter"]
    fails = {mutant.name: mutant.fails for mutant in drawn.mutants}
    assert set(claim.fails) == {*drawn.spec.proof.starter.fails, *(name for one in drawn.faults for name in fails[one])}


def test_it_has_nothing_of_the_other_sets(drawn):
    assert not (drawn.folder / "sets").exists()
    written = {path.read_bytes() for path in files_below(DEFAULT.folder / "recording").values()}
    assert [path for path in files_below(drawn.folder).values() if path.read_bytes() in written] == []


def test_a_candidate_meets_one_domain_only(drawn):
    left = []
    for name, path in drawn.handout():
        if name != "wheels.txt":
            left += [f"{name}: {line[:80]}" for line in [name, *path.read_text().splitlines()] if LEFT.search(line)]
    assert left == []


def test_its_recording_shows_what_the_written_one_shows_and_its_findings_are_right(drawn):
    facts = drawn.spec.grader.facts
    recording = diagnosis.recorded(drawn.folder / "recording" / "traces.json", facts["journey"]["item"])
    written = diagnosis.recorded(own_files(drawn.variant.parameters["sets"]) / "recording" / "traces.json", "hamper")
    truth = symptoms().fitting(recording)
    assert truth == symptoms().fitting(written)
    path = drawn.folder / "proof" / "reference" / findings.FILE
    handed_in = Submitted({findings.FILE: path.read_bytes()}, {})
    found = findings.read(handed_in)
    diagnosis.expect_findings(found, recording, truth, Evidence())
    diagnosis.expect_root_cause(found, recording, truth, symptoms().root_cause(truth), Evidence())
    diagnosis.expect_plan(findings.plan(handed_in), diagnosis.Objective(**facts["objective"]))


def test_its_patches_fit_and_all_its_programs_are_python(drawn, tmp_path):
    for mutant in drawn.mutants:
        program = shutil.copytree(drawn.folder / drawn.spec.proof.reference, tmp_path / mutant.name)
        assert mutant.patch is not None
        apply_patch(mutant.patch, program)
    for folder in (tmp_path, drawn.folder, drawn.public_tests.parent):
        for name, path in files_below(folder).items():
            if name.endswith(".py"):
                ast.parse(path.read_text(), name)
    for name in ("traces.json", "metrics.json"):
        json.loads((drawn.folder / "recording" / name).read_text())


def test_graders_use_nothing_of_the_check_library_that_would_be_renamed():
    def names(path: Path) -> set[str]:
        found = {
            getattr(node, field, None)
            for node in ast.walk(ast.parse(path.read_text()))
            for field in ("name", "arg", "attr")
        }
        return {name for name in found if isinstance(name, str)}

    library = [file for room in ("checks", "instruments") for file in (ROOT / "src/assesskit" / room).glob("*.py")]
    known = {name for file in library for name in names(file)}
    used = {name for file in (ROOT / "graders" / "debug-trace").rglob("*.py") for name in names(file)}
    written = {word for parameter in DEFAULT.parameters for word in parameter.written}
    assert sorted(name for name in known & used if words_of(name) & written) == []
