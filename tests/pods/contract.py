"""What every runtime must do: each sentence of `assesskit.pods.port`, as a test against the fixture `runtime`.

A subclass says which runtime, and names in `deviations` the tests its runtime cannot pass, each with the reason; they
are strict: a deviation that is cured fails until it is struck off the list. The programs are in `programs/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import pytest

from assesskit.errors import EngineError, RuntimeUnavailableError, SubmissionFailed
from assesskit.pods import Image, Limits, Pod, PodRuntime, PodSpec, Program, Service, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(__file__).with_name("programs")
SAFETY = 20.0
ADDED_BY_IMAGES = ("PIP_", "PYTHON", "GPG_KEY", "HOSTNAME")


def program(folder: Path, name: str = "contract", *, trusted: bool = True) -> Program:
    return Program(name=name, folder=folder, wheels=PROGRAMS / "wheels.txt", trusted=trusted)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SAFETY
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


class PodContract:
    """The contract. `start` starts a program of `programs/` under its own name."""

    deviations: ClassVar[dict[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _known_deviation(self, request):
        reason = self.deviations.get(request.function.__name__)
        if reason is not None:
            request.applymarker(pytest.mark.xfail(strict=True, reason=reason))

    @pytest.fixture
    def image(self, runtime: PodRuntime) -> Image:
        return runtime.build(program(PROGRAMS), lambda _: None)

    @pytest.fixture
    def pod(self, runtime: PodRuntime) -> Iterator[Pod]:
        spec = PodSpec(run=f"contract-{uuid4().hex[:8]}", ports=("one", "two"), volumes={"data": 8})
        with runtime.open(spec) as pod:
            yield pod

    @pytest.fixture
    def start(self, pod: Pod, image: Image) -> Callable[..., Service]:
        def start(name: str, *, called: str = "", **how: Any) -> Service:
            how = {"role": "submission", "image": image, "command": ("python", f"/app/{name}.py"), **how}
            return pod.start(ServiceSpec(name=called or name, **how))

        return start

    def dead_runtime(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PodRuntime:
        """Return a runtime whose engine does not answer."""
        raise NotImplementedError

    def leftovers(self, runtime: Any, run: str) -> list[str]:
        """Return what is still there of a run: containers, volumes, processes, folders."""
        raise NotImplementedError

    # What answers, and building

    def test_a_runtime_that_answers_says_its_name_and_version(self, runtime):
        info = runtime.check()
        assert info.name == runtime.name
        assert info.version

    def test_a_dead_engine_is_unavailable_with_a_hint_what_to_do(self, monkeypatch, tmp_path):
        with pytest.raises(RuntimeUnavailableError) as caught:
            self.dead_runtime(monkeypatch, tmp_path).check()
        assert caught.value.hint

    def test_the_same_content_is_the_same_image(self, runtime, image):
        assert runtime.build(program(PROGRAMS), lambda _: None) == image

    def test_other_content_is_another_image(self, runtime, image, tmp_path):
        shutil.copytree(PROGRAMS, tmp_path / "changed")
        (tmp_path / "changed" / "more.txt").write_text("one file more")
        assert runtime.build(program(tmp_path / "changed"), lambda _: None).digest != image.digest

    def test_a_candidates_program_that_does_not_build_is_the_candidates_failure(self, runtime, tmp_path):
        with pytest.raises(SubmissionFailed) as caught:
            runtime.build(program(tmp_path, "broken", trusted=False), lambda _: None)
        assert caught.value.phase == "build"
        assert "Dockerfile" in str(caught.value)

    def test_a_program_of_ours_that_does_not_build_is_our_failure(self, runtime, tmp_path):
        with pytest.raises(EngineError, match="Dockerfile"):
            runtime.build(program(tmp_path, "broken"), lambda _: None)

    def test_a_package_that_is_not_on_the_list_cannot_be_installed(self, runtime, tmp_path):
        recipe = (PROGRAMS / "Dockerfile").read_text().replace("CMD", "RUN pip install -r requirements.txt\nCMD")
        (tmp_path / "Dockerfile").write_text(recipe)
        (tmp_path / "requirements.txt").write_text("flask\n")
        with pytest.raises(SubmissionFailed) as caught:
            runtime.build(program(tmp_path, "unlisted", trusted=False), lambda _: None)
        assert "flask" in caught.value.log

    def test_an_image_is_described_by_what_it_is_and_adds_to_its_base(self, runtime, image):
        facts = runtime.describe(program(PROGRAMS), image)
        assert facts is not None
        assert (facts.user, facts.uid) == ("", 0)
        assert (facts.entrypoint, facts.cmd) == ((), ("python", "/app/idle.py"))
        assert facts.env["FROM_THE_IMAGE"] == "yes"
        assert "PIP_NO_INDEX" not in facts.env
        assert facts.files["/app/idle.py"] == (PROGRAMS / "idle.py").stat().st_size
        assert not [path for path in facts.files if not path.startswith("/app/")]
        assert sum(layer.size for layer in facts.layers) == facts.size - facts.base_size
        assert any("COPY" in layer.made_by for layer in facts.layers)

    # How a program ends, and what it says

    def test_the_streams_and_the_status_are_kept_apart(self, start):
        service = start("speak")
        assert service.wait(SAFETY).status == 3
        assert service.output().stdout.startswith(b"out")
        assert service.output().stderr == b"err\n"
        assert not service.output().truncated

    def test_bytes_that_are_no_text_are_kept_as_they_are(self, start):
        service = start("speak")
        service.wait(SAFETY)
        assert service.output().stdout == b"out\x00\xff\n"

    def test_a_program_killed_by_signal_n_ends_with_status_128_plus_n(self, start):
        assert start("suicide").wait(SAFETY).status == 137

    def test_a_missing_command_is_a_result_of_status_127(self, start):
        assert start("missing", command=("no-such-command",)).wait(SAFETY).status == 127

    def test_without_a_command_the_images_own_runs(self, start):
        service = start("idle", command=None)
        assert service.exit() is None
        assert service.stop(SAFETY).status == 143

    def test_the_newest_output_is_kept_within_its_cap(self, start):
        service = start("flood", limits=Limits(log_mb=1))
        service.wait(SAFETY)
        output = service.output()
        assert output.truncated
        assert len(output.stdout) <= 1024 * 1024
        assert output.stdout.endswith(b"the end\n")

    def test_a_program_that_does_not_end_in_time_is_killed(self, start):
        service = start("idle")
        with pytest.raises(TimeoutError):
            service.wait(0.1)
        ended = service.exit()
        assert ended is not None
        assert ended.status == 137

    def test_killing_a_program_kills_what_it_left_in_other_sessions(self, pod, start):
        port = {"PORT": str(pod.ports["one"])}
        service = start("orphan", env=port)
        assert self.ask(start, "first", port, until="10") == "hello"
        with pytest.raises(TimeoutError):
            service.wait(0)
        assert self.ask(start, "second", port).startswith("no way")

    # Signals

    def test_stop_asks_with_term(self, start):
        service = start("burn")
        # Before it runs, TERM meets nobody who would take it.
        until(lambda: service.output().stdout.startswith(b"used"))
        assert service.stop(SAFETY).status == 143

    def test_stop_kills_what_ignores_term_after_the_grace(self, start):
        service = start("stubborn")
        until(lambda: service.output().stdout == b"ready\n")
        assert service.stop(0.2).status == 137

    def test_a_signal_to_a_program_that_has_ended_is_no_error(self, start):
        service = start("speak")
        service.wait(SAFETY)
        service.signal("TERM")
        assert service.stop(1).status == 3

    def test_a_paused_service_keeps_its_socket_and_answers_nothing_until_it_is_resumed(self, pod, start):
        port = {"PORT": str(pod.ports["one"])}
        service = start("listen", env=port)
        assert self.ask(start, "before", port, until="10") == "hello"
        service.pause()
        assert self.ask(start, "paused", port) == "silent"
        service.resume()
        assert self.ask(start, "after", port, until="10") == "hello"

    def test_resuming_what_is_not_paused_is_no_error(self, start):
        service = start("idle")
        service.resume()
        assert service.exit() is None

    # Starting again

    def test_a_killed_service_starts_again_with_its_volume_and_adds_to_its_output(self, pod, start):
        service = start("keep", volume="data", env={"VOLUME": pod.volumes["data"]})
        until(lambda: service.output().stdout == b"1\n")
        service.signal("KILL")
        assert service.wait(SAFETY).status == 137
        service.start()
        until(lambda: service.output().stdout == b"1\n2\n")
        assert service.exit() is None

    def test_starting_a_service_that_runs_is_no_error(self, start):
        service = start("stubborn")
        until(lambda: service.output().stdout == b"ready\n")
        service.start()
        assert service.output().stdout == b"ready\n"

    def test_a_service_that_cannot_be_started_leaves_nothing_of_itself(self, start):
        with pytest.raises(EngineError):
            start("speak", image=Image(ref="assesskit-no-such-image:1", digest="sha256:0"))
        assert start("speak").wait(SAFETY).status == 3

    # What a program is given

    def test_the_environment_is_the_list_the_images_own_and_nothing_else(self, start, monkeypatch):
        monkeypatch.setenv("A_SECRET_OF_THE_HARNESS", "hunter2")
        service = start("env", env={"GIVEN": "with spaces, = and ü"})
        service.wait(SAFETY)
        found = json.loads(service.output().stdout)
        assert found["GIVEN"] == "with spaces, = and ü"
        assert found["FROM_THE_IMAGE"] == "yes"
        known = {"GIVEN", "FROM_THE_IMAGE", "PATH", "HOME", "LANG", "TMPDIR", "LC_CTYPE"}
        assert {name for name in found if not name.startswith(ADDED_BY_IMAGES)} <= known

    def test_files_of_any_content_and_size_are_all_there_is_in_the_working_directory(self, start):
        files = {"notes.txt": b"text\n", "deep/er/every.bin": bytes(range(256)), "big": os.urandom(20 * 1024 * 1024)}
        service = start("read", files=files)
        service.wait(SAFETY)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        assert json.loads(service.output().stdout) == digests

    def test_files_are_read_only_to_the_service(self, start):
        service = start("deface", files={"given.txt": b"ours"})
        service.wait(SAFETY)
        assert service.output().stdout.split() == [b"refused"] * 3

    def test_a_file_that_leaves_the_working_directory_is_refused(self, start):
        with pytest.raises(EngineError):
            start("read", files={"../outside": b""})

    def test_ports_are_distinct_and_reach_from_service_to_service(self, pod, start):
        assert pod.ports["one"] != pod.ports["two"]
        for name in ("one", "two"):
            port = {"PORT": str(pod.ports[name])}
            start("listen", called=f"listen-{name}", env=port)
            assert self.ask(start, f"connect-{name}", port, until="10") == "hello"

    # Lines

    def test_lines_go_both_ways(self, start):
        channel = start("echo", role="grader", interactive=True).channel
        lines = channel.lines(SAFETY)
        for line in (b"hello", "grüße".encode(), b"", b"x" * 1024 * 1024):
            channel.send(line)
            assert next(lines) == line

    def test_lines_go_on_where_they_were_left(self, start):
        channel = start("echo", role="grader", interactive=True).channel
        for line in (b"one", b"two", b"bye"):
            channel.send(line)
        assert [next(channel.lines(SAFETY)) for _ in range(2)] == [b"one", b"two"]
        assert [next(channel.lines(SAFETY), None) for _ in range(2)] == [None, None]

    def test_lines_end_with_the_program_and_standard_error_is_output(self, start):
        service = start("echo", role="grader", interactive=True)
        service.channel.send(b"last")
        service.channel.send(b"bye")
        assert list(service.channel.lines(SAFETY)) == [b"last"]
        assert service.wait(SAFETY).status == 0
        assert service.output().stderr.rstrip() == b"left"

    def test_a_silent_channel_times_out(self, start):
        channel = start("echo", role="grader", interactive=True).channel
        with pytest.raises(TimeoutError):
            next(channel.lines(0.1))

    def test_a_line_to_a_service_that_is_gone_is_an_engine_error(self, start):
        service = start("echo", role="grader", interactive=True)
        service.stop(SAFETY)
        with pytest.raises(EngineError):
            service.channel.send(b"anyone?")

    def test_a_line_over_16_mib_ends_the_stream_with_an_engine_error(self, start):
        channel = start("echo", role="grader", interactive=True).channel
        channel.send(b"big %d" % (17 * 1024 * 1024))
        with pytest.raises(EngineError):
            next(channel.lines(SAFETY))

    def test_only_an_interactive_service_has_a_channel(self, start):
        service = start("idle")
        with pytest.raises(ValueError, match="idle"):
            _ = service.channel

    # Limits

    def test_memory_beyond_the_limit_ends_the_program(self, start):
        service = start("greedy", limits=Limits(memory_mb=64, pids=16))
        assert service.wait(SAFETY).status != 0
        assert service.output().stdout == b""

    def test_the_end_by_the_memory_limit_is_told_as_such(self, start):
        assert start("greedy", limits=Limits(memory_mb=64, pids=16)).wait(SAFETY).oom

    def test_the_number_of_processes_is_limited(self, start):
        service = start("forks", limits=Limits(pids=20))
        service.wait(SAFETY)
        assert 0 < int(service.output().stdout) < 20

    def test_the_size_of_a_file_is_limited(self, start):
        service = start("fill", env={"SIZE": "10"}, limits=Limits(file_mb=8))
        service.wait(SAFETY)
        assert service.output().stdout == b"File too large"

    def test_the_size_of_a_volume_is_limited(self, pod, start):
        service = start("fill", env={"SIZE": "10", "FOLDER": pod.volumes["data"]}, volume="data")
        service.wait(SAFETY)
        assert service.output().stdout == b"No space left on device"

    def test_usage_tells_cpu_seconds_and_the_highest_memory(self, start):
        service = start("burn")
        until(lambda: service.output().stdout.startswith(b"used"))
        used = service.usage()
        assert used.cpu_seconds is not None
        assert used.memory_bytes is not None
        assert 0.4 < used.cpu_seconds < SAFETY
        assert 45e6 < used.memory_bytes < 256e6

    # Isolation

    def test_nothing_outside_the_pod_is_in_reach(self, start):
        with socket.create_server(("127.0.0.1", 0)) as outside:
            machine = self.ask(start, "machine", {"PORT": str(outside.getsockname()[1])})
        assert machine.startswith("no way")
        network = self.ask(start, "network", {"HOST": "192.0.2.1", "PORT": "80"})
        assert network == "no way: Network is unreachable"

    def test_a_service_sees_no_other_services_programs(self, start):
        start("idle")
        service = start("spy")
        service.wait(SAFETY)
        assert set(service.output().stdout.split()) == {b"spy.py"}

    # The end

    def test_nothing_is_left_of_a_closed_pod_and_closing_twice_is_fine(self, runtime, image):
        pod = runtime.open(PodSpec(run=f"contract-{uuid4().hex[:8]}", ports=("one",), volumes={"data": 8}))
        for name in ("idle", "stubborn"):
            spec = ServiceSpec(name, "submission", image, command=("python", f"/app/{name}.py"), volume="data")
            pod.start(spec)
        assert self.leftovers(runtime, pod.run)
        pod.close()
        assert self.leftovers(runtime, pod.run) == []
        pod.close()

    def test_reaping_spares_a_pod_whose_harness_lives(self, runtime, pod, start):
        service = start("idle")
        assert pod.run not in runtime.reap()
        assert service.exit() is None

    def ask(self, start: Callable[..., Service], name: str, env: dict[str, str], until: str = "0") -> str:
        """Connect from a service of its own, and return what it got."""
        service = start("connect", called=name, env={**env, "UNTIL": until})
        service.wait(SAFETY)
        return service.output().stdout.decode().rstrip()
