"""The contract, against the runtimes that need nothing but this machine."""

from __future__ import annotations

import os
import sys
from typing import ClassVar

import pytest
from tests.pods.contract import PROGRAMS, PodContract
from tests.pods.scripts import SCRIPTS

from assesskit.checks.image import ImageFacts, Layer
from assesskit.pods.fake import FakeRuntime

IMAGE = ImageFacts(
    user="",
    uid=0,
    entrypoint=(),
    cmd=("python", "/app/idle.py"),
    env={"FROM_THE_IMAGE": "yes"},
    ports=(),
    layers=(Layer(100, "COPY . /app"),),
    size=1100,
    base_size=1000,
    files={"/app/idle.py": (PROGRAMS / "idle.py").stat().st_size},
)
RUNS_NOTHING = "a fake runs no programs"
NOT_ISOLATED = "plain processes share the machine"


class TestProcess(PodContract):
    deviations: ClassVar[dict[str, str]] = {
        "test_a_dead_engine_is_unavailable_with_a_hint_what_to_do": "there is no engine that could be dead",
        "test_an_image_is_described_by_what_it_is_and_adds_to_its_base": "a copy of a folder is no image",
        "test_the_end_by_the_memory_limit_is_told_as_such": "an allocation fails, and the program ends as it likes",
        "test_the_number_of_processes_is_limited": "the system counts processes per user, not per service",
        "test_the_size_of_a_volume_is_limited": "a volume is a plain folder",
        "test_nothing_outside_the_pod_is_in_reach": NOT_ISOLATED,
        "test_a_service_sees_no_other_services_programs": NOT_ISOLATED,
    }
    if os.geteuid() == 0:
        deviations["test_files_are_read_only_to_the_service"] = "permissions do not hold root back"
    if sys.platform != "linux":
        deviations["test_memory_beyond_the_limit_ends_the_program"] = "only Linux limits data"
        deviations["test_killing_a_program_kills_what_it_left_in_other_sessions"] = "only Linux has subreapers"

    @pytest.fixture
    def runtime(self, process_runtime):
        return process_runtime

    def leftovers(self, runtime, run):
        return [str(folder) for folder in runtime._work.glob(f"{run}-*")]


class TestFake(PodContract):
    deviations: ClassVar[dict[str, str]] = {
        "test_other_content_is_another_image": "a fake reads no files: an image is its program's name",
        "test_killing_a_program_kills_what_it_left_in_other_sessions": RUNS_NOTHING,
        "test_the_environment_is_the_list_the_images_own_and_nothing_else": RUNS_NOTHING,
        "test_files_are_read_only_to_the_service": RUNS_NOTHING,
        "test_a_file_that_leaves_the_working_directory_is_refused": RUNS_NOTHING,
        "test_memory_beyond_the_limit_ends_the_program": RUNS_NOTHING,
        "test_the_end_by_the_memory_limit_is_told_as_such": RUNS_NOTHING,
        "test_the_number_of_processes_is_limited": RUNS_NOTHING,
        "test_the_size_of_a_file_is_limited": RUNS_NOTHING,
        "test_the_size_of_a_volume_is_limited": RUNS_NOTHING,
        "test_nothing_outside_the_pod_is_in_reach": RUNS_NOTHING,
        "test_a_service_sees_no_other_services_programs": RUNS_NOTHING,
    }

    @pytest.fixture
    def runtime(self):
        broken = {"broken": "there is no Dockerfile", "unlisted": "no flask is to be had"}
        return FakeRuntime(SCRIPTS, broken=broken, images={"contract": IMAGE})

    def dead_runtime(self, monkeypatch, tmp_path):
        return FakeRuntime(missing=True)

    def leftovers(self, runtime, run):
        return [left for left in runtime.left_open() if left == run]
