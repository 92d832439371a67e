"""What a fake runtime lets a test say."""

from __future__ import annotations

import json
import queue
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.pods.contract import SAFETY

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods import Exit, Image, Pod, PodSpec, Program, Service, ServiceSpec
from assesskit.pods.fake import FakeProcess, FakeRuntime, idle

HERE = Path(__file__).parent


def build(runtime: FakeRuntime, name: str = "program", *, trusted: bool = True) -> Image:
    return runtime.build(Program(name, HERE, HERE / "wheels.txt", trusted=trusted), lambda _: None)


def start(runtime: FakeRuntime, pod: Pod, name: str, **how: Any) -> Service:
    return pod.start(ServiceSpec(name, "grader", build(runtime), **how))


@pytest.fixture
def opened():
    pods = []

    def opened(runtime):
        pods.append(runtime.open(PodSpec("run", ("one",), {"data": 1})))
        return pods[-1]

    yield opened
    for pod in pods:
        for service in pod._services.values():
            service.process.end(Exit(137))


def test_a_script_can_speak_the_graders_protocol_in_a_few_lines(opened):
    def grader(process: FakeProcess) -> None:
        nonce = process.hear()["nonce"]
        process.tell({"type": "control", "id": 1, "nonce": nonce, "action": "status", "service": "submission"})
        process.tell({"type": "finished", "nonce": nonce, "ok": process.hear()["ok"]})

    runtime = FakeRuntime({"grader": grader})
    service = start(runtime, opened(runtime), "grader", interactive=True)
    lines = service.channel.lines(SAFETY)
    service.channel.send(b'{"type": "hello", "nonce": "n"}')
    assert json.loads(next(lines))["action"] == "status"
    service.channel.send(b'{"type": "reply", "id": 1, "ok": true}')
    assert json.loads(next(lines)) == {"type": "finished", "nonce": "n", "ok": True}
    assert list(lines) == []
    assert service.wait(SAFETY) == Exit(0)


def test_a_scripts_exit_is_the_services(opened):
    def seven(process: FakeProcess) -> None:
        sys.exit(7)

    runtime = FakeRuntime({"seven": seven, "killed": Exit(137, oom=True)})
    pod = opened(runtime)
    assert start(runtime, pod, "seven").wait(SAFETY) == Exit(7)
    assert start(runtime, pod, "killed").wait(SAFETY) == Exit(137, oom=True)


def test_a_script_that_catches_a_signal_can_end_as_it_likes(opened):
    def graceful(process: FakeProcess) -> None:
        process.catch("TERM")
        process.send(b"ready")
        assert process.next_signal() == "TERM"
        sys.exit(0)

    runtime = FakeRuntime({"graceful": graceful})
    service = start(runtime, opened(runtime), "graceful", interactive=True)
    assert next(service.channel.lines(SAFETY)) == b"ready"
    assert service.stop(SAFETY) == Exit(0)
    assert runtime.signals == [("graceful", "TERM")]


def test_a_wait_for_a_signal_that_does_not_come_ends(opened):
    def impatient(process: FakeProcess) -> None:
        process.catch("TERM")
        with pytest.raises(queue.Empty):
            process.next_signal(timeout=0.01)

    runtime = FakeRuntime({"impatient": impatient})
    assert start(runtime, opened(runtime), "impatient").wait(SAFETY) == Exit(0)


def test_a_script_knows_how_often_it_was_started(opened):
    def second_time_lucky(process: FakeProcess) -> None:
        sys.exit(0 if process.starts == 2 else 1)

    runtime = FakeRuntime({"service": second_time_lucky})
    service = start(runtime, opened(runtime), "service")
    assert service.wait(SAFETY) == Exit(1)
    service.start()
    assert service.wait(SAFETY) == Exit(0)


def test_a_program_that_is_told_not_to_build_fails_whoever_it_belongs_to():
    runtime = FakeRuntime(broken={"candidate": "no such package"})
    with pytest.raises(SubmissionFailed, match="no such package"):
        build(runtime, "candidate", trusted=False)
    with pytest.raises(EngineError, match="no such package"):
        build(runtime, "candidate")
    assert [program.name for program in runtime.built] == ["candidate", "candidate"]


def test_an_engine_that_dies_after_n_calls_fails_the_next_one():
    runtime = FakeRuntime(dies_after=1)
    build(runtime)
    with pytest.raises(EngineError, match="went away"):
        build(runtime)


def test_an_engine_that_dies_breaks_the_channel_somebody_reads(opened):
    runtime = FakeRuntime({"grader": idle})
    lines = start(runtime, opened(runtime), "grader", interactive=True).channel.lines(SAFETY)
    runtime.die()
    with pytest.raises(EngineError, match="went away"):
        next(lines)


def test_pods_that_nobody_closed_can_be_listed():
    runtime = FakeRuntime({"idle": idle})
    with runtime.open(PodSpec("closed", ())):
        assert runtime.left_open() == ["closed"]
    assert runtime.left_open() == []


def test_a_service_without_a_script_is_an_engine_error(opened):
    runtime = FakeRuntime()
    with pytest.raises(EngineError, match="no script"):
        start(runtime, opened(runtime), "unknown")
