"""Claims are proven through the production path: a true one holds, and every kind of false one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.content.tiny import build
from tests.run.test_assess import CHECKS, Grader, runtime

from assesskit.content import load
from assesskit.errors import ContentError
from assesskit.pods.fake import FakeRuntime
from assesskit.proof.claims import claims
from assesskit.prove import Prover, Shown, apply_patch
from assesskit.prove.golden import normal

PATCH = """--- a/Dockerfile
+++ b/Dockerfile
@@ -1,2 +1,3 @@
 FROM scratch
 # the right answer
+# rude
"""
MUTANTS = "exercises/tiny/proof/mutants"
SLOW = "FROM scratch\n# slow\n"


def content(tmp_path: Path, patch: str = PATCH) -> Path:
    changes = {f"{MUTANTS}/rude/change.patch": patch, f"{MUTANTS}/slow/program/Dockerfile": SLOW}
    return build(tmp_path / "content", changes)


def judging(**services: Any) -> FakeRuntime:
    """A runtime whose grader reads the mistake off the submission's Dockerfile."""

    def says(grader: Grader) -> None:
        text = (fake.built[-1].folder / "Dockerfile").read_text()
        grader.begin()
        wrong = {
            "hello.polite": "rude" in text or ("right" not in text and "slow" not in text),
            "hello.fast": "slow" in text or "right" not in text,
        }
        for criterion in grader.hello["criteria"]:
            grader.observe(criterion, "failed" if wrong[criterion] else "passed", CHECKS[criterion])
        grader.finish()

    fake = runtime(says, **services)
    return fake


def prove(tmp_path: Path, root: Path, *, bless: bool = False) -> tuple[Shown, ...]:
    exercise = load(root, "tiny")
    prover = Prover(exercise, judging(), tmp_path / "quiet", on_event=lambda _event: None, bless=bless)
    return prover.prove(claims(exercise), jobs=1, on_shown=lambda _shown: None)


def test_true_claims_hold_once_their_texts_are_blessed(tmp_path: Path) -> None:
    """Reference, starter and wrong programs hold; the golden text is what a candidate reads."""
    root = content(tmp_path)
    prove(tmp_path, root, bless=True)
    shown = prove(tmp_path, root)
    assert [(each.claim.name, each.problems) for each in shown] == [
        ("reference", ()),
        ("starter", ()),
        ("rude", ()),
        ("slow", ()),
    ]
    assert (root / f"{MUTANTS}/rude/feedback.txt").read_text() == "hello.polite: failed\n"


def test_a_wrong_program_without_its_golden_text_is_not_proven(tmp_path: Path) -> None:
    """A text nobody has read proves nothing."""
    rude = next(each for each in prove(tmp_path, content(tmp_path)) if each.claim.name == "rude")
    assert "no golden text" in rude.problems[0]


def test_a_changed_text_is_shown_as_a_difference(tmp_path: Path) -> None:
    """Feedback that differs from the blessed text is told line by line."""
    root = content(tmp_path)
    prove(tmp_path, root, bless=True)
    (root / f"{MUTANTS}/rude/feedback.txt").write_text("hello.polite: another\n")
    rude = next(each for each in prove(tmp_path, root) if each.claim.name == "rude")
    assert "-hello.polite: another" in rude.problems[0]
    assert "+hello.polite: failed" in rude.problems[0]


def test_a_wrong_program_that_is_right_after_all_is_told(tmp_path: Path) -> None:
    """A mutant that meets what it should fail proves that its check sees nothing."""
    harmless = PATCH.replace("# rude", "# fine")
    rude = next(each for each in prove(tmp_path, content(tmp_path, harmless)) if each.claim.name == "rude")
    assert rude.problems[0] == "hello.polite is met, claimed is not_met: all 2 checks passed"


def test_blessing_never_writes_the_text_of_a_false_claim(tmp_path: Path) -> None:
    """A program that fails the wrong things gets no golden text."""
    root = content(tmp_path, PATCH.replace("# rude", "# fine"))
    prove(tmp_path, root, bless=True)
    assert not (root / f"{MUTANTS}/rude/feedback.txt").exists()


def test_a_patch_that_does_not_fit_is_an_error_of_the_content(tmp_path: Path) -> None:
    """A patch against a reference that moved on names itself."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM elsewhere\n")
    patch = tmp_path / "rude.patch"
    patch.write_text(PATCH)
    with pytest.raises(ContentError, match=r"rude\.patch: does not apply"):
        apply_patch(patch, folder)


def test_a_golden_text_does_not_depend_on_the_run() -> None:
    """Ids, times, ports and durations of a run are replaced; words and statuses stay."""
    first = "POST 127.0.0.1:8081 key 0b8f6b1e-2f7e-4a55-9b0e-1c6a4a0e1f11 took 1.25 s at 2026-11-20T12:00:00Z: 503"
    other = "POST 127.0.0.1:41234 key aaaaaaaa-2f7e-4a55-9b0e-1c6a4a0e1fff took 0.5 s at 2026-11-21T09:30:00.5Z: 503"
    assert normal(first) == normal(other)
    assert normal(first).endswith(": 503")


def test_load_criteria_are_left_out_unless_a_program_is_about_them(tmp_path: Path) -> None:
    """Load windows run for the reference and for programs that name a load criterion."""
    root = content(tmp_path)
    toml = root / "exercises/tiny/exercise.toml"
    toml.write_text(
        toml.read_text()
        .replace('reference = "proof/reference"', 'reference = "proof/reference"\nload = ["hello.fast"]')
        .replace('fails = ["hello.polite", "hello.fast"]', 'fails = ["hello.polite"]')
    )
    prove(tmp_path, root, bless=True)
    shown = {each.claim.name: each for each in prove(tmp_path, root)}
    assert all(each.held for each in shown.values()), [each.problems for each in shown.values()]
    ran = {name: each.assessment.verdicts()["hello.fast"] for name, each in shown.items()}
    assert ran == {"reference": "met", "starter": "ungraded", "rude": "ungraded", "slow": "not_met"}


def test_an_interrupted_proof_ends_the_runs_that_are_under_way(tmp_path: Path) -> None:
    """Ctrl-C after the first result stops the other claims at their next event, and every pod is closed."""
    exercise = load(content(tmp_path), "tiny")
    fake = judging()
    prover = Prover(exercise, fake, tmp_path / "quiet", on_event=lambda _event: None)

    def interrupt(_shown: Shown) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prover.prove(claims(exercise), jobs=1, on_shown=interrupt)
    assert fake.left_open() == []
    assert len(fake.opened) < len(claims(exercise))


def test_noise_is_measured_again_and_said_so_but_no_verdict_is(tmp_path: Path) -> None:
    """An inconclusive load criterion is measured again, three times at most; anything else is taken as it is."""
    root = content(tmp_path)
    toml = root / "exercises/tiny/exercise.toml"
    toml.write_text(toml.read_text().replace('reference = "proof/', 'load = ["hello.fast"]\nreference = "proof/'))
    exercise = load(root, "tiny")
    outcomes = iter(["inconclusive", "passed", "inconclusive", "inconclusive", "inconclusive", "failed"])

    def says(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.polite")
        grader.observe("hello.fast", next(outcomes))
        grader.finish()

    prover = Prover(exercise, runtime(says), tmp_path / "quiet", on_event=lambda _event: None)
    reference = claims(exercise)[0]
    shown = [prover.show(reference) for _ in range(3)]
    assert [(each.runs, each.held) for each in shown] == [(2, True), (3, False), (1, False)]
