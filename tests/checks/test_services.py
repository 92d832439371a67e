"""A service as a check sees it: why it is not ready, and how it ended, in words."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from typing import Any

import pytest

from assesskit.checks.expect import Failure
from assesskit.checks.harness import ControlRefusedError, Harness, HarnessGoneError
from assesskit.checks.services import Control, Service, ended

RUNS = {"ok": True, "result": {"running": True}}


def harness(*replies: dict[str, Any]) -> tuple[Harness, io.BytesIO]:
    """A harness whose replies are known in advance, and what it is told."""
    lines = [json.dumps({"id": number, **reply}) for number, reply in enumerate(replies, 1)]
    told = io.BytesIO()
    return Harness(io.BytesIO("\n".join(lines).encode()), told), told


def test_control_goes_over_the_wire_with_the_nonce() -> None:
    """A question carries the nonce, its number, the action, the service and the arguments; the result comes back."""
    speaking, told = harness({"ok": True, "result": {"status": 0, "oom": False}})
    speaking.nonce = "n0nce"
    assert Service("submission", {"port": 1}, speaking).stop(2.5) == {"status": 0, "oom": False}
    asked = {"type": "control", "nonce": "n0nce", "id": 1, "action": "stop", "service": "submission", "grace": 2.5}
    assert json.loads(told.getvalue()) == asked


def test_an_answer_to_a_question_given_up_is_skipped() -> None:
    """The reply that counts is the one with the question's number."""
    speaking, _ = harness(RUNS, {"ok": True, "result": {"quiet": True}})
    speaking._last_id = 1
    assert Control({}, speaking).quiet(1.0) is True


def test_a_refused_control_and_a_harness_that_is_gone_are_ours() -> None:
    """Neither is the submission's failure."""
    speaking, _ = harness({"ok": False, "error": "no such service"})
    service = Service("other", {"port": 1}, speaking)
    with pytest.raises(ControlRefusedError, match="start other: no such service"):
        service.start()
    with pytest.raises(HarnessGoneError):
        service.start()


@pytest.mark.alone
def test_a_service_that_listens_elsewhere_is_told_where() -> None:
    """The reason names the port it was given and the one it took, one of the few that its user listens on."""
    if sys.platform != "linux":
        pytest.skip("proc(5) is Linux's")
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.create_server(("127.0.0.1", 0)) as free:
        port, wrong = free.getsockname()[1], elsewhere.getsockname()[1]
        free.close()
        speaking, _ = harness(*[RUNS] * 100)
        service = Service("submission", {"port": port, "uid": os.getuid(), "ready_path": "/readyz"}, speaking)
        with pytest.raises(Failure) as caught:
            service.until_ready(0.2)
    assert f"nothing listens on 127.0.0.1:{port}" in caught.value.summary
    assert f"127.0.0.1:{wrong}" in caught.value.summary


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": 0}, "ended with status 0"),
        ({"status": 137}, "was ended by signal 9 (status 137)"),
        ({"status": 137, "oom": True}, "was killed for its memory (status 137)"),
        ({"status": 0, "oom": True}, "was killed for its memory (status 0)"),
    ],
)
def test_an_end_is_told_in_words(state: dict[str, Any], words: str) -> None:
    """Status, signal, or memory limit."""
    assert ended(state) == words
