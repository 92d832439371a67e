"""How often verdicts are wrong is counted against what each program is known to be, and told only while it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.content.tiny import HIDDEN
from tests.proof.conftest import SIGNER, prove
from tests.run.test_assess import Grader, runtime
from tests.run.test_prove import MUTANTS

from assesskit.content import load
from assesskit.model import Gradings, Reliability
from assesskit.pods.fake import FakeRuntime
from assesskit.proof.claims import claims
from assesskit.proof.reliability import counts, least_graded, measured
from assesskit.proof.signing import trusted
from assesskit.prove import Prover, Repeated

COUNTS = "exercises/tiny/proof/reliability.json"


def judging(outcomes: dict[str, str], **services: Any) -> FakeRuntime:
    """A runtime whose grader sees the same in every program."""

    def says(grader: Grader) -> None:
        grader.begin()
        for criterion in grader.hello["criteria"]:
            grader.observe(criterion, outcomes.get(criterion, "passed"))
        grader.finish()

    return runtime(says, **services)


def repeat(root: Path, times: int = 1, only: tuple[str, ...] = (), **outcomes: str) -> list[Repeated]:
    exercise = load(root, "tiny")
    fake = judging({f"hello.{name}": outcome for name, outcome in outcomes.items()})
    prover = Prover(exercise, fake, root.parent / "quiet", lambda _: None, signer=SIGNER, trusted=trusted(root))
    done: list[Repeated] = []
    wanted = [claim for claim in claims(exercise) if not only or claim.name in only]
    prover.repeat(wanted, times, jobs=2, on_done=done.append)
    return done


def figures(root: Path) -> dict[str, Reliability]:
    return measured(load(root, "tiny"), "fake")


def in_turn(root: Path) -> list[str]:
    exercise = load(root, "tiny")
    counted = counts(exercise, trusted(root)).read().entries
    return [claim.name for claim in least_graded(claims(exercise), exercise, counted, "fake")]


def test_every_verdict_is_counted_against_its_claim(root: Path) -> None:
    """Where all is met, programs that meet a criterion are judged right, and those that do not are passed falsely."""
    repeat(root, 3)
    assert figures(root) == {
        "hello.polite": Reliability(right=Gradings(graded=6), wrong=Gradings(graded=6, false=6)),
        "hello.fast": Reliability(right=Gradings(graded=6), wrong=Gradings(graded=6, false=6)),
    }


def test_a_proof_counts_as_well(root: Path) -> None:
    """Whatever a proof shows, each of its gradings is one more."""
    prove(root)
    assert figures(root) == {
        "hello.polite": Reliability(right=Gradings(graded=2), wrong=Gradings(graded=2)),
        "hello.fast": Reliability(right=Gradings(graded=2), wrong=Gradings(graded=2)),
    }


def test_a_criterion_that_a_wrong_program_does_not_name_must_be_met(root: Path) -> None:
    """A wrong program failed for more than its mistake is a false fail."""
    done = repeat(root, 1, ("rude",), polite="failed", fast="failed")
    assert figures(root)["hello.fast"] == Reliability(right=Gradings(graded=1, false=1))
    assert [(each.criterion, each.verdict, each.run) for each in done[0].false] == [
        ("hello.fast", "not_met", done[0].assessment.run)
    ]


def test_what_could_not_be_judged_is_neither_right_nor_wrong(root: Path) -> None:
    """An inconclusive grading is counted by itself."""
    repeat(root, 2, ("reference",), fast="inconclusive")
    assert figures(root)["hello.fast"] == Reliability(right=Gradings(ungraded=2))


def test_sittings_add_up(root: Path) -> None:
    """What was counted before is added to."""
    repeat(root, 2, ("reference",))
    assert repeat(root, 1, ("reference",))[0].gradings == 3
    assert figures(root)["hello.polite"].right.graded == 3


def test_programs_graded_least_come_first(root: Path) -> None:
    """What was counted of a program before it changed says nothing of the one there is now."""
    repeat(root, 3, ("slow",))
    repeat(root, 2, ("reference",))
    repeat(root, 1, ("rude",))
    assert in_turn(root) == ["starter", "rude", "reference", "slow"]
    (root / f"{MUTANTS}/slow/program/Dockerfile").write_text("FROM scratch\n# slower\n")
    assert in_turn(root) == ["starter", "slow", "rude", "reference"]


def test_a_changed_check_begins_anew(root: Path) -> None:
    """Figures of other checks are never told, and not added to."""
    repeat(root, 2, ("reference",))
    (root / HIDDEN).write_text((root / HIDDEN).read_text() + "# more\n")
    assert figures(root) == {}
    assert repeat(root, 1, ("reference",))[0].gradings == 1


def test_a_changed_program_takes_its_own_counts_along(root: Path) -> None:
    """The others still stand."""
    repeat(root, 1, ("reference", "slow"))
    (root / f"{MUTANTS}/slow/program/Dockerfile").write_text("FROM scratch\n# slower\n")
    assert figures(root)["hello.fast"] == Reliability(right=Gradings(graded=1))


def test_edited_counts_do_not_count(root: Path) -> None:
    """Wrong verdicts cannot be edited away."""
    repeat(root, 1, ("reference",), polite="failed")
    text = (root / COUNTS).read_text()
    assert '"hello.polite": [0, 1, 0]' in text
    (root / COUNTS).write_text(text.replace('"hello.polite": [0, 1, 0]', '"hello.polite": [1, 0, 0]'))
    assert figures(root) == {}


def test_a_broken_file_measures_nothing(root: Path) -> None:
    """Grading goes on without figures."""
    (root / COUNTS).write_text("[]")
    assert figures(root) == {}


def test_counts_so_far_survive_an_interrupt(root: Path) -> None:
    """Each grading is on disk before the next is told."""
    exercise = load(root, "tiny")
    prover = Prover(exercise, judging({}), root.parent / "quiet", lambda _: None, signer=SIGNER, trusted=trusted(root))

    def interrupt(_done: Repeated) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prover.repeat(claims(exercise)[:1], 5, jobs=1, on_done=interrupt)
    kept: dict[str, Any] = json.loads((root / COUNTS).read_text())["claims"]
    assert kept["reference"]["gradings"] == 1


def test_an_assessment_tells_what_was_measured_of_its_own_checks(root: Path) -> None:
    """The figures are copied into the record of a run, so that no later edit rewrites them."""
    repeat(root, 1, ("reference",))
    assert repeat(root, 1, ("reference",))[0].assessment.reliability == figures_after_one()


def figures_after_one() -> dict[str, Reliability]:
    one = Reliability(right=Gradings(graded=1))
    return {"hello.polite": one, "hello.fast": one}
