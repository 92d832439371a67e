"""The pytest plugin that turns grader tests into observations.

A test names its criterion, ``@pytest.mark.criterion("probes.liveness")``, and speaks to the pod through the fixtures
below. How it ends decides the outcome:

- an assertion about the submission (Failure, or an assert written in the test's own folder) fails: ``failed``
- what the submission acknowledged during the test was not done at its dependency, see `ledger`: ``failed``
- the submission cannot be brought back before the test (Failure in its setup): ``failed``
- Inconclusive: ``inconclusive``; pytest.skip: ``skipped``
- anything else, an assert of a library included, and whatever goes wrong while cleaning up: ``errored``, which is ours
  and costs nobody a point

A check that takes too long is given up, and one for which the session has no seconds left does not begin: both are
``inconclusive``, unless the time went into waiting for the submission.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from assesskit.checks import image, resilience
from assesskit.checks.budget import Budget
from assesskit.checks.evidence import Evidence
from assesskit.checks.expect import Failure, Inconclusive
from assesskit.checks.outcome import Outcome, observed
from assesskit.checks.services import Control, Service
from assesskit.checks.submitted import Submitted
from assesskit.checks.tokens import Tokens
from assesskit.checks.world import World

if TYPE_CHECKING:
    from assesskit.checks.creation import Creation
    from assesskit.checks.image import ImageFacts
    from assesskit.checks.ledger import Ledger
    from assesskit.checks.resource import Resource
    from assesskit.instruments.collector import Collector
    from assesskit.instruments.relay import Relay

CHECK_SECONDS = 120
"""A check that takes longer is given up, so that it does not take the others with it."""
LAST_LINES = 40
LAST_LINES_BYTES = 8192
CONTRACT = Path("contract/openapi.yaml")


class GraderPlugin:
    """One grader session of the checks of `criteria`; `begin` is called before the first one, False stops."""

    def __init__(self, world: World, criteria: frozenset[str], begin: Callable[[], bool], budget: Budget) -> None:
        self._world = world
        self._criteria = criteria
        self._begin = begin
        self._budget = budget
        self._granted = 0.0
        self._given_up: Failure | Inconclusive | None = None
        self._outcome = Outcome()
        self._waited = self._stood = 0.0
        self.report: dict[str, Any] = {}
        """What pytest-json-report recorded, once the session is over."""
        self.problems: list[str] = []
        """What went wrong while collecting."""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Make the marker known."""
        config.addinivalue_line("markers", "criterion(id): the line of the rubric that this check is about")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember why a file could not be collected."""
        if report.failed:
            self.problems.append(f"{report.nodeid}: {report.longrepr}")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the checks of the wanted criteria. Raises UsageError when a check names no criterion, or several."""
        self.problems += [f"{item.nodeid}: needs exactly one criterion" for item in items if criterion_of(item) is None]
        if self.problems:
            raise pytest.UsageError(*self.problems)
        wanted = [item for item in items if criterion_of(item) in self._criteria]
        left = [item for item in items if item not in wanted]
        if left:
            config.hook.pytest_deselected(items=left)
        items[:] = wanted

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what will run."""
        planned: dict[str | None, list[str]] = {}
        for item in session.items:
            planned.setdefault(criterion_of(item), []).append(check_of(item))
        self._world.harness.tell("planned", checks=planned)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Bring the submission up once everything of ours is known to be sound; without it nothing runs."""
        sound = not session.testsfailed  # a file that cannot be collected: pytest ends the session itself
        return True if sound and not self._begin() else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run one check and tell what it observed."""
        names = {"criterion": criterion_of(item), "check": check_of(item)}
        self._outcome, self._given_up = Outcome(), None
        self._world.evidence = Evidence()
        self._world.harness.ask("begin", criterion=names["criterion"], check=names["check"])
        began = time.monotonic()
        before = signal.signal(signal.SIGALRM, self._give_up)
        self._waited, self._stood = self._world.waited, self._world.stalls.explained
        self._granted = self._budget.grant(CHECK_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, self._granted)
        try:
            result = yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        seconds = round(time.monotonic() - began, 3)
        visibility = item.nodeid.partition("/")[0]
        if self._outcome.kind == "failed":
            self._keep_last_lines(visibility)
        observation = observed(self._outcome, self._world.evidence)
        told = {**names, "visibility": visibility, "seconds": seconds, **observation}
        self._world.harness.tell("observation", observation=told)
        return result

    def _keep_last_lines(self, visibility: str) -> None:
        """Keep what the submission printed last: it often says why a check failed. A hidden check's requests may be in
        it, so the title says who may read it.
        """
        whom = " (for interviewers only)" if visibility == "hidden" else ""
        printed = self._world.submission.logs(LAST_LINES_BYTES)
        for stream, text in printed.items():
            if lines := text.splitlines()[-LAST_LINES:]:
                self._world.evidence.log(f"The service's last lines on {stream}{whom}", lines)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Make the world whole before a check's own fixtures are made, if there is time for it at all."""
        if not self._granted:
            raise Inconclusive(self._used_up())
        self._world.restore()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """A check holds only where all that was acknowledged during it was done, whatever it is about."""
        result = yield
        if self._world.ledger is not None:
            self._world.ledger.expect_done()
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fold the end of a phase into the outcome."""
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if error and self._given_up:  # whatever the code that was interrupted has made of it
            error, self._given_up = self._given_up, None
        tests = item.config.rootpath / item.nodeid.partition("/")[0]
        self._outcome = self._outcome.after(call.when, error, str(report.longrepr) if error else "", tests)
        return report

    def _give_up(self, signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the shape of a handler
        alone = self._granted == CHECK_SECONDS
        told = f"the check took longer than {CHECK_SECONDS} s" if alone else self._used_up()
        waited = self._world.waited - self._waited - (self._world.stalls.explained - self._stood)
        if waited > self._granted / 2:
            received = f"{waited:.0f} s of waiting for answers"
            self._given_up = Failure(told, received=received, expected="answers in time")
        else:
            self._given_up = Inconclusive(told)
        raise self._given_up

    def _used_up(self) -> str:
        return f"the session's {self._budget.seconds:g} s were used up before this check was through"

    def pytest_json_runtest_metadata(self, item: pytest.Item) -> dict[str, str | None]:
        """Bind the pytest-json-report entry to its criterion."""
        return {"criterion": criterion_of(item), "outcome": self._outcome.kind}

    def pytest_json_modifyreport(self, json_report: dict[str, Any]) -> None:
        """Take the record over; messages and paths of ours stay here."""
        for test in json_report.get("tests", ()):
            for phase in ("setup", "call", "teardown"):
                for key in ("crash", "longrepr", "traceback", "stdout", "stderr", "log"):
                    test.get(phase, {}).pop(key, None)
        kept = ("created", "duration", "exitcode", "summary", "tests")
        self.report = {key: value for key, value in json_report.items() if key in kept}

    @pytest.fixture(scope="session")
    def world(self) -> World:
        """All there is beside a check: for fixtures of an exercise's own."""
        return self._world

    @pytest.fixture
    def service(self) -> Service:
        """The submission; of several programs, the first."""
        return self._world.submission

    @pytest.fixture(scope="session")
    def control(self) -> Control:
        """All services by name."""
        return self._world.control

    @pytest.fixture(scope="session")
    def relays(self) -> Mapping[str, Relay]:
        """The relay in front of each dependency, by the dependency's name."""
        return self._world.relays

    @pytest.fixture
    def collector(self) -> Collector:
        """Where the services' spans arrive."""
        if self._world.collector is None:
            raise LookupError("this exercise has no collector")
        return self._world.collector

    @pytest.fixture(scope="session")
    def tokens(self) -> Tokens:
        """Mints bearer tokens."""
        return self._world.tokens

    @pytest.fixture(scope="session")
    def facts(self) -> Mapping[str, Any]:
        """What the exercise hands its graders."""
        return self._world.facts

    @pytest.fixture(scope="session")
    def resource(self) -> Resource:
        """What the exercise's API makes."""
        if self._world.resource is None:
            raise LookupError("this exercise has no [grader.facts.resource]")
        return self._world.resource

    @pytest.fixture
    def dependency(self, resource: Resource, relays: Mapping[str, Relay]) -> Relay:
        """The relay in front of the service that is asked once for each thing made."""
        return relays[resource.dependency]

    @pytest.fixture
    def fresh(self, resource: Resource, tokens: Tokens) -> Callable[..., Creation]:
        """Makes a new intention to create one, with a mark and a key that nothing else has; `changes` by keyword."""
        return partial(resource.fresh, tokens.mint())

    @pytest.fixture
    def settles(
        self, service: Service, control: Control, resource: Resource, dependency: Relay, fresh: Callable[..., Creation]
    ) -> Iterator[None]:
        """Leaves a service behind that makes things again, whatever the check did to its dependency."""
        yield
        if (stopped := control.service(resource.dependency)).paused:
            stopped.resume()
        dependency.reset()
        resilience.settle(service, fresh)

    @pytest.fixture(scope="session")
    def contract(self) -> dict[str, Any]:
        """The exercise's OpenAPI document."""
        import yaml

        document: dict[str, Any] = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
        return document

    @pytest.fixture(scope="session")
    def submitted(self) -> Submitted:
        """The files of the submission that the exercise lets its checks read."""
        return Submitted.read(Path.cwd())

    @pytest.fixture(scope="session")
    def image(self) -> ImageFacts:
        """What the submission's image is; inconclusive where the runtime makes none."""
        found = image.read(Path(image.HANDED_OVER))
        if found is None:
            raise Inconclusive("without a Docker engine no image is built that could be judged")
        return found

    @pytest.fixture
    def ledger(self) -> Ledger:
        """What the submission acknowledged in this session, beside what it asked of the dependency."""
        if self._world.ledger is None:
            raise LookupError("this exercise has no [grader.facts.resource]")
        return self._world.ledger

    @pytest.fixture
    def evidence(self) -> Evidence:
        """What the check saw, for those who read its verdict."""
        return self._world.evidence


def criterion_of(item: pytest.Item) -> str | None:
    """The criterion a check is about; None when it names none, or several."""
    marks = list(item.iter_markers("criterion"))
    return str(marks[0].args[0]) if len(marks) == 1 else None


def check_of(item: pytest.Item) -> str:
    """The name of a check: file and test, without the folder that tells public from hidden."""
    return item.nodeid.partition("/")[2]
