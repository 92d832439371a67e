"""A whole grader session, spoken over the real wire with a real service."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.harness import Harness
from assesskit.checks.tokens import Tokens
from assesskit.checks.world import World

pytestmark = pytest.mark.alone

HEAD = """
import unittest
import pytest
from assesskit.checks.expect import Failure, Inconclusive, expect
from assesskit.checks.exchange import Request
"""
OUTCOMES = (
    HEAD
    + """
pytestmark = pytest.mark.criterion("a.one")

@pytest.fixture
def broken_before():
    raise LookupError("setup")

@pytest.fixture
def broken_after():
    yield
    raise AssertionError("teardown")

@pytest.fixture
def not_serving():
    raise Failure("gone")

def test_holds(service):
    assert service.request("GET", "/livez").status == 200

def test_fails(service):
    exchange = service.send(Request("GET", "/x", (("Authorization", "Bearer secret-thing"),)))
    expect(exchange.answered().status == 200, "the \\x1b[31mpage\\x1b[0m is missing", expected="200", rule="RFC 9110",
           exchange=exchange)

def test_plain_assert():
    assert 1 == 2

def test_library_assert():
    unittest.TestCase().assertTrue(False)

def test_inconclusive():
    raise Inconclusive("noise")

def test_error():
    raise KeyError("ours")

def test_skipped():
    pytest.skip("not here")

def test_setup_error(broken_before):
    pass

def test_setup_failure(not_serving):
    pass

def test_teardown_error(broken_after):
    pass

def test_prints(capfd):
    import os
    os.write(1, b'{"type": "finished"}\\n')
    os.system("echo noise")
"""
)


def test_a_session_tells_its_steps_in_order(graded: Callable[..., Any]) -> None:
    """Instruments, plan, submission serving, each check and its observation, report, end: in that order."""
    told = graded({"public/test_10.py": HEAD + '@pytest.mark.criterion("a.one")\ndef test_x(service):\n    pass\n'})
    kinds = ["instruments", "planned", "serving", "begin", "observation", "report", "finished"]
    assert told.kinds() == kinds, told.stderr
    assert told.of("planned")[0]["checks"] == {"a.one": ["test_10.py::test_x"]}
    [entry] = told.of("report")[0]["report"]["tests"]
    assert entry["metadata"] == {"criterion": "a.one", "outcome": "passed"}


def test_how_a_test_ends_decides_its_outcome(graded: Callable[..., Any]) -> None:
    """What a test says of the submission fails it; what breaks on our side does not."""
    told = graded({"hidden/test_10.py": OUTCOMES})
    outcomes = {name: told.observation(f"test_{name}")["outcome"] for name in WANTED}
    assert outcomes == WANTED, told.stderr


WANTED = {
    "holds": "passed",
    "fails": "failed",
    "plain_assert": "failed",
    "library_assert": "errored",
    "inconclusive": "inconclusive",
    "error": "errored",
    "skipped": "skipped",
    "setup_error": "errored",
    "setup_failure": "failed",
    "teardown_error": "errored",
    "prints": "passed",
}


def test_a_failure_carries_its_parts_and_evidence(graded: Callable[..., Any]) -> None:
    """Feedback says what was sent, received and expected, cleaned, without the token; evidence holds the exchange."""
    told = graded({"hidden/test_10.py": OUTCOMES})
    seen = told.observation("test_fails")
    assert seen["summary"] == "the page is missing"
    assert (seen["expected"], seen["rule"], seen["visibility"]) == ("200", "RFC 9110", "hidden")
    assert seen["sent"].startswith("GET /x")
    assert seen["received"].startswith("404")
    [evidence] = [one for one in seen["evidence"] if one["kind"] == "exchange"]
    assert evidence["data"]["received"]["status"] == 404
    assert "secret-thing" not in str(told.messages)
    assert "KeyError" in told.observation("test_error")["detail"]


def test_what_was_printed_during_a_hidden_check_is_for_interviewers_only(graded: Callable[..., Any]) -> None:
    """A service may print each request it gets, and nobody is to read those of hidden checks there."""
    failing = HEAD + '@pytest.mark.criterion("a.one")\ndef test_{0}(service):\n    expect(False, "so")\n'
    told = graded({"public/test_10.py": failing.format("seen"), "hidden/test_20.py": failing.format("unseen")})
    kept = {
        name: [one["title"] for one in told.observation(f"test_{name}")["evidence"] if one["kind"] == "log"]
        for name in ("seen", "unseen")
    }
    assert kept["seen"] == ["The service's last lines on stdout"]
    assert kept["unseen"] == ["The service's last lines on stdout (for interviewers only)"]


def test_public_checks_run_first_and_only_wanted_criteria(graded: Callable[..., Any]) -> None:
    """The folders run in the order the harness gives, files by name, and a criterion not asked for not at all."""
    one = HEAD + '@pytest.mark.criterion("a.one")\ndef test_{0}():\n    pass\n'
    other = HEAD + '@pytest.mark.criterion("b.unwanted")\ndef test_other():\n    pass\n'
    told = graded(
        {
            "hidden/test_10.py": one.format("c"),
            "public/test_90.py": one.format("b"),
            "public/test_10.py": one.format("a"),
            "public/test_20.py": other,
        }
    )
    assert [one["check"][-1] for one in told.of("begin")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("def test_x():\n    pass\n", "exactly one criterion"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_grader_of_ours_that_cannot_run_is_told_as_broken(graded: Callable[..., Any], text: str, reason: str) -> None:
    """A test file that cannot be collected ends the session as ours, before the submission is started."""
    told = graded({"hidden/test_10.py": text})
    assert told.kinds()[-1] == "broken", told.stderr
    assert reason in told.of("broken")[0]["detail"]
    assert not told.of("serving")
    assert not told.of("finished")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise SystemExit(3)", "ended with status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("import time; time.sleep(60)", "the connection was refused"),
    ],
)
def test_a_submission_that_never_serves_is_told_with_the_reason(harness: Any, source: str, reason: str) -> None:
    """A dead or silent submission ends the session as its own failure, and no check runs."""
    harness.service("submission", source)
    told = harness.grade(
        {"public/test_10.py": HEAD + '@pytest.mark.criterion("a.one")\ndef test_x():\n    pass\n'},
        services={
            "submission": {
                "port": harness.services["submission"].port,
                "uid": None,
                "ready_path": "/readyz",
                "ready_within": 1,
            }
        },
    )
    assert told.kinds() == ["instruments", "planned", "submission_failed"], told.stderr
    assert reason in told.of("submission_failed")[0]["reason"]


def test_a_submission_that_died_is_back_for_the_next_check(graded: Callable[..., Any]) -> None:
    """A check that ends the service does not spoil the next one, and the restart is on record."""
    text = (
        HEAD
        + """
pytestmark = pytest.mark.criterion("a.one")

def test_first(service):
    assert service.kill()["status"] == 137

def test_second(service):
    service.pause()

def test_third(service):
    assert service.request("GET", "/livez").status == 200
"""
    )
    told = graded({"hidden/test_10.py": text})
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["passed"] * 3, told.stderr
    [note] = [one for one in told.observation("test_second")["evidence"] if one["kind"] == "note"]
    assert "signal 9" in note["data"]["text"]


def test_each_program_of_a_submission_is_started_asked_and_brought_back(harness: Any, healthy: str) -> None:
    """Of several programs the first is the service; whichever a check has ended serves again before the next."""
    for name in ("submission", "desk"):
        harness.service(name, healthy)
    text = (
        HEAD
        + """
pytestmark = pytest.mark.criterion("a.one")

def test_first(service, control):
    assert service.name == "desk"
    assert control.service("submission").kill()["status"] == 137

def test_second(control):
    assert control.service("submission").request("GET", "/livez").status == 200
"""
    )
    services = {
        name: {"port": one.port, "uid": None, "ready_path": "/readyz", "ready_within": 5}
        for name, one in harness.services.items()
    }
    told = harness.grade({"hidden/test_10.py": text}, parts=["desk", "submission"], services=services)
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["passed"] * 2, told.stderr


def test_a_submission_that_stays_away_fails_the_checks(harness: Any, healthy: str) -> None:
    """When the service cannot be brought back, the checks that follow fail as its own failure."""
    flag = harness.folder / "was-here"
    once = f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nif flag.exists(): raise SystemExit(5)\nflag.touch()\n"
    harness.service("submission", once + healthy)
    text = (
        HEAD
        + """
pytestmark = pytest.mark.criterion("a.one")

def test_first(service):
    service.kill()

def test_second(service):
    pass
"""
    )
    told = harness.grade({"hidden/test_10.py": text})
    seen = told.observation("test_second")
    assert (seen["outcome"], "ended with status 5" in seen["summary"]) == ("failed", True), told.stderr


def test_a_submission_that_is_lost_is_not_tried_again(harness: Any, healthy: str) -> None:
    """Once it could not be brought back, every later check fails with the same reason, and at once."""
    flag = harness.folder / "was-here"
    once = f"import pathlib\nflag = pathlib.Path({str(flag)!r})\n"
    once += "if flag.exists(): raise SystemExit(flag.open('a').write('x'))\nflag.touch()\n"
    harness.service("submission", once + healthy)
    tests = "".join(f"def test_{name}(service):\n    service.kill()\n" for name in "abcd")
    told = harness.grade({"hidden/test_10.py": HEAD + 'pytestmark = pytest.mark.criterion("a.one")\n' + tests})
    outcomes = [one["observation"]["outcome"] for one in told.of("observation")]
    assert outcomes == ["passed", "failed", "failed", "failed"], told.stderr
    assert flag.read_text() == "x"


def test_a_dependency_that_is_lost_is_our_fault(harness: Any, healthy: str) -> None:
    """When a service of ours does not come back, the checks it prevents are errored, not failed."""
    flag = harness.folder / "was-here"
    once = f"import pathlib\nflag = pathlib.Path({str(flag)!r})\nif flag.exists(): raise SystemExit(5)\nflag.touch()\n"
    harness.service("submission", healthy)
    harness.service("inventory", once + healthy).start()
    text = (
        HEAD
        + """
pytestmark = pytest.mark.criterion("a.one")

def test_first(control):
    control.service("inventory").kill()

def test_second(service):
    pass
"""
    )
    told = harness.grade({"hidden/test_10.py": text})
    assert told.observation("test_second")["outcome"] == "errored", told.stderr
    assert "ended with status 5" in told.observation("test_second")["detail"]


def test_a_check_that_never_ends_is_given_up(graded: Callable[..., Any]) -> None:
    """One endless check costs its own verdict, not those of the others."""
    text = (
        HEAD
        + """
from assesskit.checks import plugin
pytestmark = pytest.mark.criterion("a.one")
plugin.CHECK_SECONDS = 0.3

def test_endless():
    import time
    time.sleep(60)

def test_next():
    pass
"""
    )
    told = graded({"hidden/test_10.py": text})
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["inconclusive", "passed"], told.stderr


def test_checks_that_no_seconds_are_left_for_are_inconclusive(graded: Callable[..., Any]) -> None:
    """A session that has used up its seconds ends in order: the check that runs is given up, the rest do not begin."""
    text = (
        HEAD
        + """
pytestmark = pytest.mark.criterion("a.one")

def test_endless():
    import time
    try:
        time.sleep(60)
    except Exception as swallowed:
        raise RuntimeError("as a library does that calls back") from swallowed

def test_next():
    pass

def test_last():
    pass
"""
    )
    told = graded({"hidden/test_10.py": text}, seconds=3.0)
    seen = [one["observation"] for one in told.of("observation")]
    assert [one["outcome"] for one in seen] == ["inconclusive"] * 3, told.stderr
    assert {one["summary"] for one in seen} == {"the session's 3 s were used up before this check was through"}
    assert told.kinds()[-2:] == ["report", "finished"]


SLOW = """
from assesskit.checks import plugin
pytestmark = pytest.mark.criterion("a.one")

def keep_waiting(service, seconds):
    service.client._record.func.__self__.waited += seconds
"""


def test_a_check_given_up_over_a_submission_that_does_not_answer_has_failed(graded: Callable[..., Any]) -> None:
    """Where the time went into waiting for answers, it is the submission that used it up."""
    text = (
        HEAD
        + SLOW
        + """
plugin.CHECK_SECONDS = 0.3

def test_endless(service):
    import time
    keep_waiting(service, 0.2)
    time.sleep(60)
"""
    )
    told = graded({"hidden/test_10.py": text})
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["failed"], told.stderr


def test_a_submission_that_uses_up_what_is_left_of_the_session_has_failed_that_check(
    graded: Callable[..., Any],
) -> None:
    """A check that gets less than its usual seconds is no excuse for who spends most of them."""
    text = (
        HEAD
        + SLOW
        + """
def test_endless(service):
    import time
    keep_waiting(service, 2.0)
    time.sleep(60)
"""
    )
    told = graded({"hidden/test_10.py": text}, seconds=3.0)
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["failed"], told.stderr


def test_a_submission_that_used_up_the_patience_for_all_checks_fails_the_rest(graded: Callable[..., Any]) -> None:
    """It is asked no more, so that it cannot use up the time of the whole run."""
    text = (
        HEAD
        + SLOW
        + """
def test_slow(service):
    keep_waiting(service, 300)

def test_next(service):
    pass
"""
    )
    told = graded({"hidden/test_10.py": text})
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["passed", "failed"], told.stderr
    assert "too slow for its remaining checks" in told.observation("test_next")["summary"]


def test_on_a_machine_that_stood_still_the_patience_for_all_checks_ends_without_a_verdict(
    graded: Callable[..., Any],
) -> None:
    """What the grader's own stalls explain is no slowness of the submission."""
    text = (
        HEAD
        + SLOW
        + """
def test_slow(service):
    keep_waiting(service, 300)
    service.client._record.func.__self__.stalls._before -= 60

def test_next(service):
    pass
"""
    )
    told = graded({"hidden/test_10.py": text})
    assert [one["observation"]["outcome"] for one in told.of("observation")] == ["passed", "inconclusive"], told.stderr


def test_requests_side_by_side_keep_us_waiting_once() -> None:
    """Forty answers that took the same two seconds are two seconds of waiting."""
    world = World(Harness(io.BytesIO(), io.BytesIO()), {}, {}, None, Tokens({}, "", ""), {})
    for _ in range(40):
        world.record("submission", Exchange(Request("GET", "/"), None, "no answer", 2.0))
    assert 2.0 <= world.waited < 4.0


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5) is Linux's")
def test_a_port_of_ours_in_foreign_hands_stops_the_session(harness: Any, healthy: str) -> None:
    """A dependency's port that another user listens on is told as broken before the submission starts."""
    harness.service("submission", healthy)
    inventory = harness.service("inventory", healthy)
    inventory.start()
    services = harness.hello({})["services"]
    services["inventory"]["uid"] = 54321
    told = harness.grade({"hidden/test_10.py": HEAD}, services=services, tests=["hidden"])
    assert told.kinds() == ["broken"]
    assert "not by 54321" in told.of("broken")[0]["detail"]
