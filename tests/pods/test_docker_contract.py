"""The contract of the port, against a real engine."""

from __future__ import annotations

import pytest
from tests.pods.contract import SAFETY, PodContract

from assesskit.pods.docker import DockerRuntime

pytestmark = pytest.mark.docker


class TestDocker(PodContract):
    @pytest.fixture
    def runtime(self, docker_runtime):
        return docker_runtime

    def dead_runtime(self, monkeypatch, tmp_path):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
        return DockerRuntime("any", cache=tmp_path)

    def test_a_service_sees_no_other_services_programs(self, start):
        start("idle")
        service = start("spy")
        service.wait(SAFETY)
        assert set(service.output().stdout.split()) == {b"spy.py"}, "twice: its init process names it too"

    def leftovers(self, runtime, run):
        only = {"label": f"assesskit.run={run}"}
        api = runtime._engine.api
        containers = [each["Id"] for each in api.containers(all=True, filters=only)]
        return containers + [each["Name"] for each in api.volumes(filters=only)["Volumes"] or []]
