from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from assesskit.errors import GraderError, HarnessError
from assesskit.instruments.program import Program

RELAY = "assesskit.instruments.relay_server"


@pytest.fixture
def program():
    program = Program(RELAY, "relay x")
    yield program
    program.stop()


def test_answers_find_who_asked(program):
    """A question that takes long holds up nobody else."""
    program.ask("open", port=0, target=1, key="path:1")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(program.ask, "waiting", key="a", count=1, timeout=1.0)
        assert program.ask("calls", key=None) == []
        assert not slow.done()
        assert slow.result() is False


def test_a_program_that_dies_is_a_fault_of_ours(program):
    """Who waits for an answer, and who asks later, is told at once."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(program.ask, "waiting", key="a", count=1, timeout=30)
        program.ask("release", key=None)
        program._process.kill()
        with pytest.raises(GraderError, match="relay x: ended before it answered"):
            waiting.result()
    with pytest.raises(HarnessError, match="relay x: has ended"):
        program.ask("calls", key=None)


def test_a_program_that_does_not_answer_is_a_fault_of_ours(program):
    """There is a limit to every question."""
    with pytest.raises(GraderError, match="relay x: did not answer `waiting` within"):
        program.ask("waiting", within=0.1, key="a", count=1, timeout=5)


def test_a_program_ends_with_its_standard_input():
    """Nothing of ours outlives the grader, not even a held question."""
    process = subprocess.Popen([sys.executable, "-m", RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.communicate(b'{"id": 1, "action": "waiting", "key": "a", "count": 1, "timeout": 60}\n', timeout=20)
    assert process.returncode == 0


def test_the_handles_load_no_server():
    """Checks import them, so they are light: no aiohttp, no protobuf, no locust."""
    code = (
        "import sys, assesskit.instruments.relay, assesskit.instruments.collector, assesskit.instruments.load\n"
        "print(sorted({'aiohttp', 'google.protobuf', 'locust', 'gevent', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
