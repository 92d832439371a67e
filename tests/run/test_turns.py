"""Gradings that begin together: whoever measures load does so alone, and nobody waits for one that has ended."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.run.test_assess import Grader, runtime
from tests.run.test_prove import content

from assesskit.content import load
from assesskit.events import CheckStarted, Event
from assesskit.proof.claims import claims
from assesskit.prove import Prover
from assesskit.prove.turns import Turns

WAIT = 20.0


def test_nobody_measures_while_another_works_or_measures() -> None:
    """Each of three comes to its load after work of its own; from the first window on, nobody works."""
    turns, said, saying = Turns(3), list[str](), threading.Lock()

    def say(word: str) -> None:
        with saying:
            said.append(word)

    def grade(_: int) -> None:
        with turns.grading() as come:
            say("works")
            come()
            say("measures")
            come()
            say("measured")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(grade, range(3), timeout=WAIT))
    assert said == ["works"] * 3 + ["measures", "measured"] * 3


def test_one_that_ends_before_its_load_is_not_waited_for() -> None:
    """A submission that never starts comes to no window."""
    turns = Turns(2)
    with turns.grading():
        pass
    with turns.grading() as come:
        come()


def test_a_grading_from_its_beginning_comes_after_all_others() -> None:
    """What noise left open is graded again when nobody else works, waits or measures."""
    turns, said = Turns(2), list[str]()
    first_is_through, again = threading.Event(), threading.Event()

    def noisy() -> None:
        with turns.grading() as come:
            come()
        first_is_through.set()
        with turns.alone():
            said.append("again")
        again.set()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(noisy)
        with turns.grading() as come:
            come()
            assert not again.is_set()
            said.append("measured")
        assert again.wait(WAIT)
    assert first_is_through.is_set()
    assert said == ["measured", "again"]


def test_an_interrupt_ends_all_waiting() -> None:
    """Whoever waits for a turn goes on when the proof is interrupted: its run is ended by what comes next."""
    turns = Turns(2)
    with ThreadPoolExecutor(1) as pool:

        def waits() -> None:
            with turns.grading() as come:
                come()

        waiting = pool.submit(waits)
        turns.stop()
        waiting.result(WAIT)


@pytest.mark.parametrize("jobs", [1, 3])
def test_load_windows_of_a_proof_begin_when_all_of_a_batch_have_come_to_theirs(tmp_path: Path, jobs: int) -> None:
    """With pods side by side, all checks before the load windows end before the first window begins."""
    root = content(tmp_path)
    toml = root / "exercises/tiny/exercise.toml"
    toml.write_text(toml.read_text().replace('reference = "proof/', 'load = ["hello.fast"]\nreference = "proof/'))
    exercise = load(root, "tiny")
    begun: list[tuple[str, str]] = []

    def says(grader: Grader) -> None:
        grader.begin()
        for criterion in ("hello.polite", "hello.fast"):
            grader.ask("begin", criterion=criterion, check="a")
            grader.observe(criterion)
        grader.finish()

    def hear(event: Event) -> None:
        if isinstance(event, CheckStarted):
            begun.append((event.run, event.criterion))

    prover = Prover(exercise, runtime(says), tmp_path / "quiet", on_event=hear)
    measured = [claim for claim in claims(exercise) if claim.measures(exercise)]
    prover.prove(measured, jobs=jobs, on_shown=lambda _: None)
    named = [criterion for _, criterion in begun]
    polite, fast = ["hello.polite"] * jobs, ["hello.fast"] * jobs
    assert len(measured) >= 3
    assert named[: 2 * jobs] == polite + fast
