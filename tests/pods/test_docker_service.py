"""What a service in a container does about an engine that is busy."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from docker.errors import APIError

from assesskit.errors import EngineError
from assesskit.pods import Image, ServiceSpec
from assesskit.pods.docker.service import PAUSE_TRIES, DockerService


class BusyEngine:
    """Refuses to pause so many times."""

    def __init__(self, refusals: int, status: str = "running") -> None:
        self.asked = 0
        self.paused = False
        self._status = status
        self._refusals = refusals
        self.api = self

    def inspect_container(self, _container: str) -> dict[str, dict[str, str]]:
        return {"State": {"Status": "paused" if self.paused else self._status}}

    def pause(self, _container: str) -> None:
        self.asked += 1
        if self.asked <= self._refusals:
            answer = requests.Response()
            answer.status_code = 500
            raise APIError("500 Server Error", answer, explanation="unable to freeze")
        self.paused = True


def service(engine: Any) -> DockerService:
    return DockerService(engine, ServiceSpec("app", "submission", Image("app", "")), "container", 1)


def test_a_busy_engine_is_asked_again_to_pause():
    engine = BusyEngine(PAUSE_TRIES - 1)
    service(engine).pause()
    assert engine.paused
    assert engine.asked == PAUSE_TRIES


def test_an_engine_that_never_pauses_is_a_fault_of_ours():
    engine = BusyEngine(PAUSE_TRIES)
    with pytest.raises(EngineError, match="unable to freeze"):
        service(engine).pause()
    assert engine.asked == PAUSE_TRIES


def test_a_service_that_has_ended_is_not_paused():
    engine = BusyEngine(0, "exited")
    service(engine).pause()
    assert engine.asked == 0
