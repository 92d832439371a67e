"""What a submission can do wrong before and while it is graded: always an outcome, never a fault of ours."""

from __future__ import annotations

import re
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
BAD = r"""
import os, socketserver, time

MIB = 2**20

def head(status, body=b"{}", kind="application/json", length=None):
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode() + body

def drip(send):
    send(head(200, b"", length=1000))
    for _ in range(100):
        time.sleep(0.2)
        send(b" ")

def flood(size):
    def send_all(send):
        send(head(200, b"", "text/plain", size))
        for _ in range(size // MIB):
            send(b"requests_total 1\n" * (MIB // 17))
    return send_all

ANSWERS = {
    "garbage": lambda send: send(bytes(range(256)) * 8),
    "html": lambda send: send(head(200, b"<!doctype html><title>It works!</title>", "text/html")),
    "http09": lambda send: send(b"<html>It works!</html>"),
    "drip": drip,
    "too long": lambda send: send(head(200, length=9999)),
    "too short": lambda send: send(head(200, b'{"openapi": "3.1.0"}', length=9)),
    "not utf-8": lambda send: send(head(200, b'{"openapi": "3.1.0", "\xff": 1}')),
    "not openapi": lambda send: send(head(200, b'{"openapi": "3.1.0", "info": 7, "paths": {"/v1": []}}')),
    "100 MB": flood(100 * MIB),
    "2 GiB": flood(2048 * MIB),
    "fine": lambda send: send(head(200)),
}

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline(4096).split(b" ")[1].decode()
        length = 0
        while (line := self.rfile.readline(65536)).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        ANSWERS[SAYS.get(path, "fine")](self.wfile.write)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    def handle_error(self, *_):
        pass

"""
ASKED = frozenset({"probes.liveness", "idempotency.required"})
PLACES = {
    "contract.openapi": "/openapi.json",
    "metrics.red": "/metrics",
    "probes.liveness": "/livez",
    "idempotency.required": "/v1/orders",
}
"""Where each of these criteria looks first."""
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

    def graded(
        code: str, dockerfile: str = DOCKERFILE, *, head: str = HEAD, asked: frozenset[str] = ASKED
    ) -> Assessment:
        program = tmp_path / "program"
        program.mkdir()
        (program / "Dockerfile").write_text(dockerfile)
        (program / "app.py").write_text(head + code)
        taken = take(program, exercise, tmp_path / "taken")
        without = frozenset(criterion.id for criterion in exercise.criteria) - asked
        task = Task(exercise, taken.folder, taken.submitted, without=without)
        found = settings.runtime(settings.Kind(prepared))
        return assess(task, found, quiet_lock=tmp_path / "quiet", on_event=lambda _event: None).assessment

    return graded


@pytest.fixture
def bad(graded):
    """Grade a service that answers some requests badly: the criterion -> its answer, and how its verdict tells it."""

    def bad(said: dict[str, tuple[str, str]]) -> None:
        says = {PLACES[criterion]: answer for criterion, (answer, _told) in said.items()}
        code = f"SAYS = {says}\nServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()\n"
        assessment = graded(code, head=BAD, asked=frozenset(said))
        assert assessment.outcome == "graded", assessment.failure
        results = {result.criterion.id: result for result in assessment.results if result.criterion.id in said}
        for criterion, (_answer, told) in said.items():
            result = results[criterion]
            assert (result.verdict, {seen.outcome for seen in result.observations}) == ("not_met", {"failed"}), result
            assert re.search(told, result.reason), result.reason
            assert result.observations[0].evidence

    return bad


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


@pytest.mark.parametrize("dockerfile", ["", "it works on my machine\n", "FROM nowhere.test/none:1\n"])
def test_a_dockerfile_that_builds_nothing_is_a_failed_build(graded, dockerfile: str) -> None:
    """Empty, prose, an image from elsewhere: the build failed, and the reason names what is missing."""
    phase, reason, _log = failure(graded("", dockerfile))
    assert phase == "build"
    assert re.search("dockerfile|image|CMD", reason, re.IGNORECASE), reason


@pytest.mark.parametrize(
    "said",
    [
        {
            "contract.openapi": ("too short", "not JSON"),
            "metrics.red": ("not utf-8", "not in the Prometheus text format"),
            "probes.liveness": ("drip", "no complete answer within 3 s"),
            "idempotency.required": ("too long", "not valid HTTP .*peer closed connection"),
        },
        {
            "contract.openapi": ("not openapi", "not a valid OpenAPI document"),
            "metrics.red": ("html", "not in the Prometheus text format"),
            "probes.liveness": ("http09", "not valid HTTP"),
            "idempotency.required": ("garbage", "not valid HTTP"),
        },
    ],
    ids=["broken", "foreign"],
)
@pytest.mark.parametrize("runtime", ["process"])
def test_bad_answers_are_verdicts_with_evidence(bad, said: dict[str, tuple[str, str]]) -> None:
    """Garbage, HTML, HTTP/0.9, drips, wrong lengths and encodings: each is told for what it is, and the run ends."""
    bad(said)


@pytest.mark.docker
@pytest.mark.parametrize("runtime", ["docker"], indirect=True)
def test_answers_without_end_are_verdicts_with_evidence(bad) -> None:
    """Gigabytes are read as far as anybody would, and no further."""
    bad(
        {
            "contract.openapi": ("2 GiB", "larger than"),
            "metrics.red": ("100 MB", "more than 2048 KiB"),
            "probes.liveness": ("http09", "not valid HTTP"),
            "idempotency.required": ("2 GiB", "answered 200"),
        }
    )


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM\n",
        "FROM ${BASE_IMAGE}\nFROM\n",
        "ARG\nFROM ${BASE_IMAGE}\n",
        "ENV\n",
        "CMD " + "[" * 100_000,
        "#" * 300_000,
    ],
    ids=["no image", "no second image", "no argument", "no variable", "nested", "large"],
)
def test_a_dockerfile_that_is_cut_short_is_a_failed_build(graded, dockerfile: str) -> None:
    """Instructions without their words, nested or large without end: the submission's fault, and said so."""
    assert failure(graded("", dockerfile))[0] == "build"
