"""A variant is proven as it is graded, and its proof stands for that variant alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.content import varied
from tests.proof.conftest import SIGNER, TRUST
from tests.proof.test_reliability import judging as seeing
from tests.run.test_prove import MUTANTS, PATCH, SLOW, judging

from assesskit.checks.exchange import Request
from assesskit.content import Exercise, load
from assesskit.pods.fake import FakeRuntime, idle
from assesskit.proof.claims import claims
from assesskit.proof.record import standing
from assesskit.proof.reliability import measured
from assesskit.proof.signing import KEYS, trusted
from assesskit.prove import Prover
from assesskit.prove.golden import normal

RECORD = "exercises/tiny/proof/record.json"


@pytest.fixture
def variant(tmp_path: Path) -> Exercise:
    """A variant of an exercise whose author is trusted, with the golden texts of the default one."""
    golden = {
        f"{MUTANTS}/rude/feedback.txt": "hello.polite: failed\n",
        f"{MUTANTS}/slow/feedback.txt": "hello.fast: failed\n",
    }
    programs = {f"{MUTANTS}/rude/change.patch": PATCH, f"{MUTANTS}/slow/program/Dockerfile": SLOW}
    root = varied.build(tmp_path / "content", {KEYS: TRUST, **programs, **golden})
    return drawn(root)


def drawn(root: Path) -> Exercise:
    return load(root, "tiny", varied.seed_for(load(root, "tiny"), "depot"), cache=root.parent / "cache")


def prover(exercise: Exercise, runtime: FakeRuntime) -> Prover:
    keys = trusted(exercise.origin.root)
    return Prover(exercise, runtime, exercise.origin.root.parent / "quiet", lambda _: None, signer=SIGNER, trusted=keys)


def prove(exercise: Exercise) -> None:
    shown = prover(exercise, judging(depot=idle)).prove(claims(exercise), jobs=1, on_shown=lambda _: None)
    assert [each.problems for each in shown] == [()] * 4


def kept(exercise: Exercise) -> int:
    keys = trusted(exercise.origin.root)
    return sum(each.kept for each in standing(exercise, claims(exercise), "fake", keys))


def test_a_variant_is_proven_for_itself(variant: Exercise) -> None:
    """Its entries carry its seed, lie with the exercise as it is written, and say nothing of the default variant."""
    prove(variant)
    assert kept(variant) == 4
    assert kept(variant.origin) == 0
    entries = json.loads((variant.origin.root / RECORD).read_text())["claims"]
    assert f"rude@{variant.variant.seed}" in entries


def test_a_body_that_is_cut_reads_alike_on_every_variant() -> None:
    """Another variant has words of other lengths, and cuts its body elsewhere; what is said around it is kept."""
    default, drawn_one = (Request("POST", "/hello", body=word * 1000).text() for word in (b'"harbour", ', b'"inn", '))
    assert default != drawn_one
    assert normal(default) == normal(drawn_one) == normal(normal(default))
    assert normal(default).startswith("POST /hello\n")


def test_what_declares_the_variants_says_nothing_of_the_default_one(variant: Exercise) -> None:
    """Another choice opens the proofs on drawn variants, and no other."""
    prove(variant)
    prove(variant.origin)
    file = variant.origin.variants_file
    file.write_text(file.read_text().replace('"rapid"', '"hasty"'))
    again = drawn(variant.origin.root)
    assert (kept(again), kept(again.origin)) == (0, 4)


def test_old_proofs_on_other_variants_do_not_pile_up(variant: Exercise) -> None:
    """A new entry drops those on variants of an exercise that has changed since."""
    prove(variant)
    hidden = variant.origin.hidden_tests / "test_more.py"
    hidden.write_text(hidden.read_text() + "# more\n")
    prove(load(variant.origin.root, "tiny"))
    entries = json.loads((variant.origin.root / RECORD).read_text())["claims"]
    assert sorted(entries) == ["reference", "rude", "slow", "starter"]


def test_a_record_is_no_part_of_a_variant(variant: Exercise) -> None:
    """What was proven changes no file of the variant that the same seed draws."""
    before = variant.root
    prove(variant.origin)
    assert drawn(variant.origin.root).root == before


def test_every_variant_counts_for_the_same_checks(variant: Exercise) -> None:
    """Wrong verdicts are rare: gradings of all variants are counted together, and told with each."""
    for exercise in (variant, variant.origin):
        prover(exercise, seeing({}, depot=idle)).repeat(claims(exercise)[:1], 1, jobs=1, on_done=lambda _: None)
    figures = [measured(exercise, "fake")["hello.fast"].right.graded for exercise in (variant, variant.origin)]
    assert figures == [2, 2]
