"""The story of a run, told by a fake runtime: every way it can end, and what each leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tests.content import varied
from tests.content.tiny import TOML, build

from assesskit import grading
from assesskit.assess import Task, assess
from assesskit.content import load
from assesskit.errors import RuntimeUnavailableError
from assesskit.events import CheckEnded, CriterionJudged, Event, PhaseEnded, PhaseStarted
from assesskit.model import Assessment, Submitted
from assesskit.pods.fake import FakeProcess, FakeRuntime, idle
from assesskit.pods.port import Exit

CHECKS = {
    "hello.polite": ("test_hello.py::test_hello", "test_more.py::test_hello_again"),
    "hello.fast": ("test_more.py::test_fast",),
}
Says = Callable[["Grader"], None]


class Grader:
    """A grader in a few lines: what it says, with the nonce on every line."""

    def __init__(self, process: FakeProcess) -> None:
        self.process = process
        self.hello = process.hear()

    def tell(self, kind: str, **words: Any) -> None:
        self.process.tell({"type": kind, "nonce": self.hello["nonce"], **words})

    def ask(self, action: str, **words: Any) -> dict[str, Any]:
        self.tell("control", id=1, action=action, **words)
        return self.process.hear()

    def begin(self) -> None:
        self.tell("instruments")
        assert self.ask("start", service="submission")["ok"]
        self.tell("serving", seconds=0.1)

    def observe(self, criterion: str, outcome: str = "passed", checks: tuple[str, ...] | None = None) -> None:
        for check in checks or CHECKS[criterion]:
            seen = {
                "check": check,
                "criterion": criterion,
                "visibility": "hidden",
                "outcome": outcome,
                "summary": outcome,
            }
            self.tell("observation", observation=seen)

    def finish(self) -> None:
        self.tell("report", report={"summary": {}})
        self.tell("finished")


def all_well(grader: Grader) -> None:
    grader.begin()
    grader.observe("hello.polite")
    grader.observe("hello.fast")
    grader.finish()


def runtime(says: Says, **services: Any) -> FakeRuntime:
    scripts = {"stock": idle, "submission": idle, "reference": idle} | services
    return FakeRuntime(services={"grader": lambda process: says(Grader(process)), **scripts})


def run(
    tmp_path: Path, fake: FakeRuntime, events: list[Event] | None = None, seconds: float = 60.0, **task: Any
) -> Assessment:
    exercise = load(build(tmp_path / "content", {TOML: ("seconds = 60.0", f"seconds = {seconds}")}), "tiny")
    submission = tmp_path / "submission"
    submission.mkdir(exist_ok=True)
    asked = Task(exercise, submission, Submitted(name="someone", digest="0" * 64), **task)
    seen = events if events is not None else []
    return assess(asked, fake, quiet_lock=tmp_path / "quiet", on_event=seen.append).assessment


def verdicts(assessment: Assessment) -> Mapping[str, str]:
    return assessment.verdicts()


def test_everything_passed_is_everything_met(tmp_path: Path) -> None:
    """A run in which every check passed is graded, with every automatic criterion met, and the pod is gone."""
    fake = runtime(all_well)
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "graded", assessment.failure
    assert verdicts(assessment) == {"hello.polite": "met", "hello.fast": "met", "hello.reasons": "ungraded"}
    assert (assessment.score.earned, assessment.score.judged, assessment.score.total) == (5, 5, 6)
    assert fake.left_open() == []


def test_what_was_measured_under_load_is_kept_whatever_the_verdicts(tmp_path: Path) -> None:
    """The seconds of load add up; of the service levels, what was told last counts."""
    side = {"requests": 200, "failed": 1, "cpu_ms": 3.5}

    def says(grader: Grader) -> None:
        grader.begin()
        for seconds, requests in ((1.1, 100), (7.0, 200)):
            grader.tell("load", seconds=seconds)
            grader.tell("levels", levels={"objective": 0.999, "sides": {"submission": {**side, "requests": requests}}})
        grader.observe("hello.polite", "inconclusive")
        grader.observe("hello.fast")
        grader.finish()

    assessment = run(tmp_path, runtime(says))
    assert assessment.load_seconds == 8.1
    assert assessment.levels is not None
    assert assessment.levels.burn(assessment.levels.sides["submission"]) == pytest.approx(5.0)


def test_levels_that_are_none_are_a_fault_of_ours(tmp_path: Path) -> None:
    """Like an observation that is not of its form."""

    def says(grader: Grader) -> None:
        grader.begin()
        grader.tell("levels", levels={"objective": 2})

    assessment = run(tmp_path, runtime(says))
    assert assessment.outcome == "harness_failed"
    assert assessment.failure is not None
    assert "is no ServiceLevels" in assessment.failure.reason


def test_our_programs_are_built_before_the_submission(tmp_path: Path) -> None:
    """A fault of ours in an image is found before the submission is touched."""
    fake = runtime(all_well)
    run(tmp_path, fake)
    assert [program.name for program in fake.built][-1] == "submission"
    assert [program.trusted for program in fake.built] == [True, True, True, False]


def test_the_submission_starts_last(tmp_path: Path) -> None:
    """Our listeners are up before the submission can take their ports."""
    fake = runtime(all_well)
    run(tmp_path, fake)
    assert [spec.name for spec in fake.started] == ["stock", "grader", "submission"]


def test_a_failed_check_is_not_met(tmp_path: Path) -> None:
    """One failed check of a criterion costs its points and no others."""

    def says(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.polite", "failed")
        grader.observe("hello.fast")
        grader.finish()

    assessment = run(tmp_path, runtime(says))
    assert verdicts(assessment)["hello.polite"] == "not_met"
    assert verdicts(assessment)["hello.fast"] == "met"


def test_a_check_that_was_left_out_is_never_met(tmp_path: Path) -> None:
    """A grader that forgets a planned check leaves its criterion ungraded, though the other checks passed."""

    def says(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.polite", checks=CHECKS["hello.polite"][:1])
        grader.observe("hello.fast")
        grader.finish()

    assert verdicts(run(tmp_path, runtime(says)))["hello.polite"] == "ungraded"


def test_a_submission_that_does_not_build_has_failed(tmp_path: Path) -> None:
    """The criteria it prevented are not met, with the build's reason and log."""
    fake = runtime(all_well)
    fake.broken["submission"] = "step 3 failed"
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "submission_failed"
    assert assessment.failure is not None
    assert (assessment.failure.phase, assessment.failure.log) == ("build", "step 3 failed")
    assert verdicts(assessment) == {"hello.polite": "not_met", "hello.fast": "not_met", "hello.reasons": "ungraded"}
    assert fake.opened == []


def test_a_program_of_ours_that_does_not_build_costs_nothing(tmp_path: Path) -> None:
    """An image of ours that breaks is a harness fault: everything is ungraded."""
    fake = runtime(all_well)
    fake.broken["stock"] = "no space"
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "harness_failed"
    assert set(verdicts(assessment).values()) == {"ungraded"}
    assert assessment.score.judged == 0


def test_a_submission_that_never_serves_has_failed(tmp_path: Path) -> None:
    """What the grader saw is the reason, and the submission's last words are kept."""

    def speaks(process: FakeProcess) -> None:
        process.complain(b"ImportError: no module named orders")
        process.sleep(30)

    def says(grader: Grader) -> None:
        grader.tell("instruments")
        grader.ask("start", service="submission")
        grader.tell("submission_failed", phase="start", reason="the submission was never ready")
        grader.process.sleep(30)

    assessment = run(tmp_path, runtime(says, submission=speaks))
    assert assessment.outcome == "submission_failed"
    assert assessment.failure is not None
    assert assessment.failure.reason == "the submission was never ready"
    assert "ImportError" in assessment.failure.log


@pytest.mark.parametrize("calls", range(1, 25))
def test_an_engine_that_dies_at_any_call_costs_nothing(tmp_path: Path, calls: int) -> None:
    """Wherever the engine goes away, the run is our fault, no criterion is lost, and what was complete is kept."""

    def dies(grader: Grader) -> None:
        all_well(grader)

    fake = runtime(dies)
    fake._left = calls
    assessment = run(tmp_path, fake)
    if assessment.outcome != "graded":
        assert assessment.outcome == "harness_failed"
        assert "not_met" not in verdicts(assessment).values()
        assert assessment.failure is not None
        assert assessment.failure.reason


@pytest.mark.parametrize(
    "says",
    [
        lambda grader: grader.begin(),
        lambda grader: (grader.begin(), grader.process.send(b"not json")),
        lambda grader: (grader.begin(), grader.process.tell({"type": "finished", "nonce": "forged"})),
        lambda grader: (grader.begin(), grader.tell("dance")),
        lambda grader: (grader.begin(), grader.tell("broken", detail="Traceback")),
        lambda grader: (grader.begin(), grader.tell("observation", observation={"check": "x", "verdict": "met"})),
    ],
    ids=["ends early", "no json", "forged nonce", "unknown word", "breaks", "odd observation"],
)
def test_a_grader_that_goes_wrong_is_our_fault(tmp_path: Path, says: Says) -> None:
    """A grader that crashes, lies or babbles never gives a verdict."""
    fake = runtime(says)
    assessment = run(tmp_path, fake)
    assert assessment.outcome == "harness_failed"
    assert set(verdicts(assessment).values()) == {"ungraded"}
    assert fake.left_open() == []


def chatters(grader: Grader) -> None:
    grader.begin()
    while True:
        grader.tell("serving", seconds=0.1)
        grader.process.sleep(0.05)


@pytest.mark.parametrize("says", [chatters, lambda grader: (grader.begin(), grader.process.sleep(30))])
def test_a_grader_that_does_not_finish_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    """A grader that is silent, or talks on and on, is given its seconds and a little more, and is our fault."""
    monkeypatch.setattr(grading, "LATE_SECONDS", 0.2)
    failure = run(tmp_path, runtime(says), seconds=0.1).failure
    assert failure is not None
    assert failure.reason.endswith("the grader did not finish within 0.3 s")


def test_a_grader_is_told_its_seconds(tmp_path: Path) -> None:
    """The grader knows how long it may take, so that it can end by itself."""
    told: list[float] = []

    def says(grader: Grader) -> None:
        told.append(grader.hello["seconds"])
        all_well(grader)

    run(tmp_path, runtime(says), seconds=42.0)
    assert told == [42.0]


def test_a_quiet_machine_is_given_back_with_the_check_that_asked_for_it(tmp_path: Path) -> None:
    """A check that is given up while it waits for the lock gets it all the same, and cannot give it back."""
    free: list[bool] = []

    def says(grader: Grader) -> None:
        grader.begin()
        for _ in range(2):
            grader.ask("quiet", timeout=1.0)
        grader.observe("hello.fast", "inconclusive")
        assert grader.ask("status", service="submission")["ok"]
        with FileLock(tmp_path / "quiet", timeout=0) as lock:
            free.append(lock.is_locked)
        grader.observe("hello.polite")
        grader.finish()

    assert run(tmp_path, runtime(says)).outcome == "graded"
    assert free == [True]


def test_what_was_complete_before_a_fault_is_kept(tmp_path: Path) -> None:
    """A criterion whose checks had all run keeps its verdict; the rest is ungraded."""

    def says(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.fast", "failed")
        grader.observe("hello.polite", checks=CHECKS["hello.polite"][:1])

    assessment = run(tmp_path, runtime(says))
    assert verdicts(assessment) == {"hello.polite": "ungraded", "hello.fast": "not_met", "hello.reasons": "ungraded"}


def test_every_case_the_grader_collected_must_report(tmp_path: Path) -> None:
    """A check of several cases whose grader died after the first of them is ungraded, though that one passed."""

    def says(grader: Grader) -> None:
        cases = [f"{CHECKS['hello.fast'][0]}[{case}]" for case in "ab"]
        grader.tell("planned", checks={"hello.fast": cases, "hello.polite": list(CHECKS["hello.polite"])})
        grader.begin()
        grader.observe("hello.polite")
        grader.observe("hello.fast", checks=(cases[0],))
        grader.finish()

    assert verdicts(run(tmp_path, runtime(says))) == {
        "hello.polite": "met",
        "hello.fast": "ungraded",
        "hello.reasons": "ungraded",
    }


def test_a_failure_names_its_phase_and_holds_nothing_a_terminal_would_obey(tmp_path: Path) -> None:
    """Whatever a submission printed is cleaned before it is kept, and a fault of ours says where it came about."""

    def speaks(process: FakeProcess) -> None:
        process.complain(b"\x1b]0;owned\x07\x1b[2Jdead\x00")
        process.sleep(30)

    def says(grader: Grader) -> None:
        grader.tell("instruments")
        grader.ask("start", service="submission")
        grader.tell("submission_failed", phase="start", reason="the submission was never \x1b[31mready")
        grader.process.sleep(30)

    failed = run(tmp_path / "failed", runtime(says, submission=speaks)).failure
    assert failed is not None
    assert (failed.phase, failed.reason, failed.log) == ("start", "the submission was never ready", "dead\ufffd\n")

    def babbles(grader: Grader) -> None:
        grader.begin()
        grader.tell("dance")

    broken = run(tmp_path / "broken", runtime(babbles)).failure
    assert broken is not None
    assert broken.phase == "checks"


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends the run and closes the pod."""

    def interrupt(event: Event) -> None:
        if isinstance(event, CheckEnded):
            raise KeyboardInterrupt

    fake = runtime(all_well)
    exercise = load(build(tmp_path / "content"), "tiny")
    task = Task(exercise, tmp_path, Submitted(name="someone", digest="0" * 64))
    with pytest.raises(KeyboardInterrupt):
        assess(task, fake, quiet_lock=tmp_path / "quiet", on_event=interrupt)
    assert fake.left_open() == []


def test_no_runtime_is_told_before_anything_runs(tmp_path: Path) -> None:
    """Without a runtime there is no assessment, only an error that says so."""
    fake = FakeRuntime(missing=True)
    with pytest.raises(RuntimeUnavailableError):
        run(tmp_path, fake)
    assert fake.built == []


def test_left_out_criteria_are_ungraded_and_never_asked_for(tmp_path: Path) -> None:
    """A criterion that is left out costs nothing and its checks are not run."""
    asked: list[str] = []

    def says(grader: Grader) -> None:
        asked.extend(grader.hello["criteria"])
        grader.begin()
        grader.observe("hello.polite")
        grader.finish()

    assessment = run(tmp_path, runtime(says), without=frozenset({"hello.fast"}))
    assert asked == ["hello.polite"]
    assert verdicts(assessment)["hello.fast"] == "ungraded"


def test_a_candidate_runs_public_checks_only(tmp_path: Path) -> None:
    """With the public tests alone no hidden file reaches the grader, and no reference is built."""

    def says(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.polite", checks=CHECKS["hello.polite"][:1])
        grader.finish()

    fake = runtime(says)
    assessment = run(tmp_path, fake, tests=("public",))
    assert verdicts(assessment) == {"hello.polite": "met"}
    grader = next(spec for spec in fake.started if spec.name == "grader")
    assert not [name for name in grader.files if name.startswith("hidden/")]
    assert "reference" not in {program.name for program in fake.built}


def test_the_control_channel_steers_services(tmp_path: Path) -> None:
    """Each action reaches the service that was named; a name nobody knows is told, not guessed."""
    replies: dict[str, dict[str, Any]] = {}

    def says(grader: Grader) -> None:
        grader.begin()
        asks: tuple[tuple[str, dict[str, Any]], ...] = (
            ("status", {}),
            ("usage", {}),
            ("logs", {"limit": 100}),
            ("pause", {}),
            ("resume", {}),
            ("signal", {"signal": "HUP"}),
            ("wait", {"timeout": 5.0}),
            ("start", {}),
            ("stop", {"grace": 1.0}),
            ("quiet", {"timeout": 1.0}),
            ("loud", {}),
        )
        for action, words in asks:
            replies[action] = grader.ask(action, service="submission", **words)
        replies["unknown"] = grader.ask("stop", service="nobody", grace=1.0)
        grader.finish()

    fake = runtime(says)
    run(tmp_path, fake)
    assert {key: reply["ok"] for key, reply in replies.items()} == dict.fromkeys(replies, True) | {"unknown": False}
    assert replies["status"]["result"] == {"running": True}
    assert replies["wait"]["result"] == {"running": False, "status": 129, "oom": False}
    assert replies["stop"]["result"]["status"] == 143
    assert replies["quiet"]["result"] == {"quiet": True}


def test_a_service_that_ended_is_an_exit_not_an_error(tmp_path: Path) -> None:
    """A submission that exits at once is told to the grader as its status."""
    told: dict[str, Any] = {}

    def says(grader: Grader) -> None:
        grader.tell("instruments")
        grader.ask("start", service="submission")
        told.update(grader.ask("wait", service="submission", timeout=5.0)["result"])
        grader.tell("submission_failed", phase="start", reason="exited")

    run(tmp_path, runtime(says, submission=Exit(3)))
    assert told == {"running": False, "status": 3, "oom": False}


def test_the_run_is_told_as_it_happens(tmp_path: Path) -> None:
    """Every phase that began ended, and every criterion got its verdict."""
    events: list[Event] = []
    assessment = run(tmp_path, runtime(all_well), events)
    began = [event.phase for event in events if isinstance(event, PhaseStarted)]
    ended = [event.phase for event in events if isinstance(event, PhaseEnded)]
    assert began == ended == ["images", "build", "pod", "start", "checks", "close"]
    assert list(assessment.seconds) == began
    assert [event.criterion for event in events if isinstance(event, CriterionJudged)] == list(verdicts(assessment))


def test_the_same_inputs_give_the_same_digest(tmp_path: Path) -> None:
    """Two runs with the same verdicts agree on their canonical digest; another verdict changes it."""

    def worse(grader: Grader) -> None:
        grader.begin()
        grader.observe("hello.polite", "failed")
        grader.observe("hello.fast")
        grader.finish()

    first, again, other = (run(tmp_path, runtime(says)) for says in (all_well, all_well, worse))
    assert first.run != again.run
    assert first.digest() == again.digest() != other.digest()


def test_a_run_records_its_variant(tmp_path: Path) -> None:
    """Seed and parameters are kept, and two variants of one exercise are told apart but stay comparable."""
    root, submission = varied.build(tmp_path / "content"), tmp_path / "submission"
    submission.mkdir()
    found = []
    for place in ("depot", "cellar"):
        seed = varied.seed_for(load(root, "tiny"), place)
        exercise = load(root, "tiny", seed, cache=tmp_path / "cache")
        task = Task(exercise, submission, Submitted(name="someone", digest="0" * 64))
        fake = runtime(all_well, **{place: idle})
        assessment = assess(task, fake, quiet_lock=tmp_path / "quiet", on_event=lambda _: None).assessment
        assert assessment.outcome == "graded", assessment.failure
        assert (assessment.variant.seed, assessment.variant.parameters["place"]) == (seed, place)
        found.append(assessment)
    assert found[0].exercise == found[1].exercise
    assert found[0].digest() != found[1].digest()
