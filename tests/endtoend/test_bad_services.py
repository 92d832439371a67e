"""What a submission can do wrong before and while it is graded: always an outcome, never a fault of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.endtoend.conftest import ROOT

from assesskit.assess import Task, assess
from assesskit.cli import settings
from assesskit.content import Exercise, load
from assesskit.kits import take
from assesskit.model import Assessment

HEAD = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
PORT = int(os.environ["PORT"])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body=b"{}"):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200 if self.path in ("/readyz", "/livez") else 404)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(400)
    def log_message(self, *words):
        pass
"""
ASKED = frozenset({"probes.liveness", "idempotency.required"})
DOCKERFILE = """ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /app
COPY . /app
CMD ["python", "app.py"]
"""


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """Build-service with little patience."""
    root = tmp_path / "content"
    for part in ("exercises/build-service", "graders/build-service", "docs/rubrics"):
        shutil.copytree(ROOT / part, root / part)
    toml = root / "exercises/build-service/exercise.toml"
    toml.write_text(toml.read_text().replace("ready_within = 30.0", "ready_within = 4.0"))
    return load(root, "build-service")


@pytest.fixture
def graded(tmp_path: Path, prepared: str, exercise: Exercise):
    """Grade a program given as the end of its app.py, or with a Dockerfile of its own."""

    def graded(code: str, dockerfile: str = DOCKERFILE) -> Assessment:
        program = tmp_path / "program"
        program.mkdir()
        (program / "Dockerfile").write_text(dockerfile)
        (program / "app.py").write_text(HEAD + code)
        taken = take(program, exercise, tmp_path / "taken")
        without = frozenset(criterion.id for criterion in exercise.criteria) - ASKED
        task = Task(exercise, taken.folder, taken.submitted, without=without)
        found = settings.runtime(settings.Kind(prepared))
        return assess(task, found, quiet_lock=tmp_path / "quiet", on_event=lambda _event: None).assessment

    return graded


def failure(assessment: Assessment) -> tuple[str, str, str]:
    """Phase, reason and log of a submission that failed; its criteria are not met, none is ungraded."""
    assert assessment.outcome == "submission_failed", assessment.failure
    assert assessment.failure is not None
    assert {assessment.verdicts()[criterion] for criterion in ASKED} == {"not_met"}
    return assessment.failure.phase, assessment.failure.reason, assessment.failure.log


def test_a_service_that_exits_is_told_with_its_status_and_last_words(graded) -> None:
    """Exit before ready: the status, and what it printed."""
    phase, reason, log = failure(graded("print('no such table: orders', file=sys.stderr)\nsys.exit(3)"))
    assert phase == "start"
    assert "3" in reason
    assert "no such table: orders" in log


def test_a_service_that_never_listens_is_told_so(graded) -> None:
    """Nothing on its port within its time: that is said, not a timeout of ours."""
    phase, reason, _log = failure(graded("time.sleep(60)"))
    assert phase == "start"
    assert "listen" in reason


def test_a_service_on_another_port_is_told_which(graded, runtime: str) -> None:
    """A service that ignores PORT is told where it listens, where the runtime can tell."""
    reason = failure(graded("ThreadingHTTPServer(('127.0.0.1', 5055), Handler).serve_forever()"))[1]
    assert "listen" in reason
    if runtime == "docker":
        assert "5055" in reason


def test_a_service_that_is_never_ready_is_told_what_it_answered(graded) -> None:
    """Listening is not being ready: the answer of the readiness probe is quoted."""
    code = "Handler.do_GET = lambda self: self.answer(503)\nThreadingHTTPServer(('', PORT), Handler).serve_forever()"
    assert "503" in failure(graded(code))[1]


def test_every_address_will_do(graded) -> None:
    """A service may listen on all addresses or on loopback."""
    assessment = graded("ThreadingHTTPServer(('0.0.0.0', PORT), Handler).serve_forever()")
    assert assessment.outcome == "graded", assessment.failure
    assert assessment.verdicts()["probes.liveness"] == "met"


def test_a_service_that_dies_while_it_is_graded_has_failed_that_check(graded) -> None:
    """A request that kills it costs its criterion; it is started again for the next check."""
    code = "Handler.do_POST = lambda self: os._exit(1)\nThreadingHTTPServer(('', PORT), Handler).serve_forever()"
    assessment = graded(code)
    assert assessment.outcome == "graded", assessment.failure
    assert assessment.verdicts()["idempotency.required"] == "not_met"
    assert assessment.verdicts()["probes.liveness"] == "met"


def test_a_program_without_a_command_is_no_service(graded) -> None:
    """A Dockerfile without CMD is told what it lacks."""
    dockerfile = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\nCOPY . /app\n"
    assert "CMD" in failure(graded("", dockerfile))[1]


@pytest.mark.docker
def test_an_image_that_does_not_build_shows_the_failing_step(graded, runtime: str) -> None:
    """The step and its output are in the log."""
    if runtime == "process":
        pytest.skip("plain processes carry out no RUN step")
    broken = DOCKERFILE.replace("COPY . /app", "RUN echo looking for gcc && exit 7")
    phase, _reason, log = failure(graded("", broken))
    assert phase == "build"
    assert "RUN echo looking for gcc" in log
    assert "looking for gcc\n" in log
