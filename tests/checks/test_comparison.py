from __future__ import annotations

import io
import socket
from typing import Any

import pytest

from assesskit.checks.comparison import compare, reference_running
from assesskit.checks.expect import Inconclusive
from assesskit.checks.harness import Harness
from assesskit.checks.services import Control, Service
from assesskit.errors import GraderError


class Answering(Harness):
    """A harness that does what it is asked, in name only, and remembers what that was."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(), io.BytesIO())
        self.answers = answers
        self.asked: list[str] = []

    def ask(self, action: str, service: str = "", **arguments: Any) -> dict[str, Any]:
        self.asked.append(f"{action} {service}".strip())
        return self.answers.get(action, {})


def control(harness: Harness, port: int = 1) -> Control:
    facts = {"port": port, "ready_path": "/readyz", "ready_within": 0.3}
    return Control({name: Service(name, facts, harness) for name in ("submission", "reference")}, harness)


def test_without_the_lock_there_is_no_load():
    """Other pods under load make a comparison worthless: we cannot tell."""
    harness = Answering(quiet={"quiet": False})
    with pytest.raises(Inconclusive, match="kept this machine busy"):
        compare(control(harness), {}, 15.0)
    assert harness.asked == ["quiet"]


def test_a_comparison_that_breaks_leaves_the_pod_as_it_was():
    """The submission goes on and the lock is given back, whatever happens; here the plan lacks the reference's mix."""
    harness = Answering(quiet={"quiet": True})
    with pytest.raises(GraderError, match="KeyError: 'reference'"):
        compare(control(harness), {}, 15.0)
    assert harness.asked == ["quiet", "pause submission", "resume submission", "loud"]


@pytest.mark.parametrize("state", [{"running": True}, {"running": False, "status": 1, "oom": False}])
def test_a_reference_that_does_not_come_up_is_no_fault_of_the_submission(state):
    """We cannot tell, and the reference is stopped all the same."""
    harness = Answering(status=state)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Inconclusive, match="the reference did not start"), reference_running(control(harness, port)):
        pass
    assert (harness.asked[0], harness.asked[-1]) == ("start reference", "stop reference")
