"""What is special about plain processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.pods.contract import PROGRAMS, SAFETY, program, until

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods import Image, Limits, PodSpec, Program, Service, ServiceSpec
from assesskit.pods import ports as ports_module
from assesskit.pods.ports import reserve_ports
from assesskit.pods.process import ProcessRuntime
from assesskit.pods.runs import Mark, make_run_folder, reap_runs

pytestmark = pytest.mark.alone

HARNESS = """
    import sys, time
    from pathlib import Path
    from assesskit.pods import PodSpec, Program, ServiceSpec
    from assesskit.pods.process import ProcessRuntime

    cache, work, programs, wheels = map(Path, sys.argv[1:])
    runtime = ProcessRuntime(cache=cache, work=work)
    image = runtime.build(Program("contract", programs, wheels), lambda _: None)
    pod = runtime.open(PodSpec("killed", ("one",)))
    env = {"PORT": str(pod.ports["one"])}
    pod.start(ServiceSpec("orphan", "submission", image, env, command=("python", "/app/orphan.py")))
    print("up", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def image(process_runtime):
    return process_runtime.build(program(PROGRAMS), lambda _: None)


@pytest.fixture
def pod(process_runtime):
    with process_runtime.open(PodSpec("run", ("one",), {"data": 1})) as pod:
        yield pod


def spec(image: Image, name: str, **how: Any) -> ServiceSpec:
    return ServiceSpec(name=name, role="submission", image=image, **how)


def written(folder: Path, main: str, requirements: str = "", recipe: str = 'CMD ["python", "main.py"]') -> Path:
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM python:3.12-slim\nWORKDIR /app\n{recipe}\n")
    (folder / "main.py").write_text(main)
    if requirements:
        (folder / "requirements.txt").write_text(requirements)
    return folder


def a_wheel(folder: Path) -> Path:
    """Make a wheel of one module."""
    wheel = folder / "tinything-1.0-py3-none-any.whl"
    files = {
        "tinything.py": "WORD = 'tiny'\n",
        "tinything-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tinything\nVersion: 1.0\n",
        "tinything-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tinything-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


# Building


def test_requirements_are_installed_from_the_listed_wheels(process_runtime, pod, tmp_path):
    (tmp_path / "wheels.txt").write_text(f"{a_wheel(tmp_path)}\n")
    folder = written(tmp_path / "program", "import tinything\nprint(tinything.WORD)\n", "tinything==1.0\n")
    lines: list[str] = []
    image = process_runtime.build(Program("tiny", folder, tmp_path / "wheels.txt"), lines.append)
    service = pod.start(spec(image, "tiny"))
    service.wait(SAFETY)
    assert service.output().stdout == b"tiny\n"
    assert any("tinything" in line for line in lines)


def test_wheels_that_cannot_be_fetched_are_our_failure(process_runtime, tmp_path):
    (tmp_path / "wheels.txt").write_text(f"{tmp_path}/no-such-1.0-py3-none-any.whl\n")
    folder = written(tmp_path / "program", "", "no-such\n")
    with pytest.raises(EngineError, match="wheels"):
        process_runtime.build(Program("p", folder, tmp_path / "wheels.txt", trusted=False), lambda _: None)


def test_an_installation_that_takes_too_long_is_the_candidates_failure(process_runtime, tmp_path):
    (tmp_path / "wheels.txt").write_text(f"{a_wheel(tmp_path)}\n")
    folder = written(tmp_path / "program", "", "tinything  # slowly\n")
    slow = Program("p", folder, tmp_path / "wheels.txt", trusted=False, limits=Limits(seconds=0.01))
    with pytest.raises(SubmissionFailed, match="more than"):
        process_runtime.build(slow, lambda _: None)


def test_a_build_that_was_killed_halfway_is_done_again(tmp_path):
    runtime = ProcessRuntime(cache=tmp_path / "cache")
    image = runtime.build(program(PROGRAMS), lambda _: None)
    for done in [*tmp_path.glob("cache/venvs/*/.complete"), Path(image.ref, "image.json")]:
        done.unlink()
    for broken in [*tmp_path.glob("cache/venvs/*/bin/python"), Path(image.ref, "folder", "speak.py")]:
        broken.unlink()
    again = runtime.build(program(PROGRAMS), lambda _: None)
    with runtime.open(PodSpec("run", ())) as pod:
        assert pod.start(spec(again, "speak", command=("python", "speak.py"))).wait(SAFETY).status == 3


def test_a_dockerfile_without_a_command_is_said_to_have_none(process_runtime, tmp_path):
    folder = written(tmp_path / "program", "", recipe="")
    with pytest.raises(SubmissionFailed, match="neither CMD nor ENTRYPOINT"):
        process_runtime.build(program(folder, trusted=False), lambda _: None)


# Running


def test_a_command_at_a_path_of_the_image_is_found_by_its_name(pod, image):
    command = ("/opt/image-only/bin/python", "/app/speak.py")
    assert pod.start(spec(image, "speak", command=command)).wait(SAFETY).status == 3


def test_what_a_service_writes_beside_its_program_is_not_in_the_image(process_runtime, pod, tmp_path):
    main = "import pathlib\nprint(sorted(p.name for p in pathlib.Path().iterdir()))\npathlib.Path('new').touch()\n"
    image = process_runtime.build(program(written(tmp_path / "program", main)), lambda _: None)
    for name in ("first", "second"):
        service = pod.start(spec(image, name))
        service.wait(SAFETY)
        assert service.output().stdout == b"['Dockerfile', 'main.py']\n"


def test_a_service_outlives_the_thread_that_started_it(pod, image):
    started: list[Service] = []
    thread = threading.Thread(target=lambda: started.append(pod.start(spec(image, "idle"))))
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError):
        started[0].wait(0.2)


def test_the_cpu_of_children_that_ended_is_counted(process_runtime, pod, tmp_path):
    main = """
        import subprocess, sys, time
        burn = "import time\\nwhile time.process_time() < 0.4: pass"
        subprocess.run([sys.executable, "-c", burn])
        print("burnt", flush=True)
        time.sleep(120)
    """
    image = process_runtime.build(program(written(tmp_path / "program", textwrap.dedent(main))), lambda _: None)
    service = pod.start(spec(image, "parent"))
    until(lambda: service.output().stdout == b"burnt\n")
    assert service.usage().cpu_seconds > 0.35
    service.signal("KILL")
    service.wait(SAFETY)
    assert service.usage().cpu_seconds > 0.35


def test_a_pause_holds_every_process_of_the_service(pod, image):
    service = pod.start(spec(image, "orphan", env={"PORT": str(pod.ports["one"])}, command=("python", "orphan.py")))
    supervisor = psutil.Process(service._launch.supervisor.pid)
    until(lambda: len(supervisor.children(recursive=True)) == 2)
    service.pause()
    until(lambda: {each.status() for each in supervisor.children(recursive=True)} == {"stopped"})


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that is dead may wait for long until the first process of the system takes note."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_service_whose_supervisor_was_killed_is_an_engine_error_and_is_dead(pod, image):
    service = pod.start(spec(image, "idle"))
    (program_itself,) = psutil.Process(service._launch.supervisor.pid).children()
    service._launch.supervisor.kill()
    with pytest.raises(EngineError, match="supervisor"):
        service.wait(SAFETY)
    until(lambda: not lives(program_itself))
    with pytest.raises(EngineError, match="supervisor"):
        pod.close()


# Ports


def test_a_port_is_promised_to_one_pod_at_a_time(monkeypatch):
    monkeypatch.setattr(ports_module, "PORTS", range(20000, 20050))
    names = tuple(str(number) for number in range(15))
    first, second = reserve_ports(names), reserve_ports(names)
    try:
        assert not set(first.by_name.values()) & set(second.by_name.values())
    finally:
        first.release()
        second.release()


def test_a_port_somebody_listens_on_is_not_given_out(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(ports_module, "PORTS", range(taken.getsockname()[1], taken.getsockname()[1] + 1))
        with pytest.raises(EngineError):
            reserve_ports(("one",))


# What a killed harness leaves


def test_the_services_of_a_killed_harness_die_and_its_run_is_reaped(tmp_path):
    places = (tmp_path / "cache", tmp_path / "work", PROGRAMS, PROGRAMS / "wheels.txt")
    command = (sys.executable, "-c", textwrap.dedent(HARNESS), *map(str, places))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"up\n"
        (supervisor,) = psutil.Process(harness.pid).children()
        until(lambda: len(supervisor.children(recursive=True)) == 2)
        family = [supervisor, *supervisor.children(recursive=True)]
        harness.kill()
    until(lambda: not any(lives(each) for each in family))
    runtime = ProcessRuntime(cache=tmp_path / "cache", work=tmp_path / "work")
    assert runtime.reap() == ["killed"]
    assert list((tmp_path / "work").iterdir()) == []
    assert runtime.reap() == []


def test_reaping_kills_a_recorded_process_and_never_a_later_one_of_its_number(tmp_path):
    gone = subprocess.Popen(("true",))
    dead = Mark.of(gone.pid)
    gone.wait()
    with subprocess.Popen(("sleep", "120")) as ours, subprocess.Popen(("sleep", "120")) as foreign:
        marks = {"ours": Mark.of(ours.pid), "foreign": Mark(foreign.pid, Mark.of(foreign.pid).started - 100)}
        folder = make_run_folder(tmp_path, "left")
        (folder / "owner.json").write_text(json.dumps({"run": "left", "pid": dead.pid, "started": dead.started}))
        for name, mark in marks.items():
            (folder / "services" / name).mkdir(parents=True)
            record = json.dumps({"pid": mark.pid, "started": mark.started})
            (folder / "services" / name / "process.json").write_text(record)
        assert reap_runs(tmp_path) == ["left"]
        assert ours.wait(SAFETY) == -9
        assert foreign.poll() is None
        foreign.kill()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not hold root back")
def test_a_folder_a_service_closed_to_everybody_is_removed(process_runtime, image):
    with process_runtime.open(PodSpec("closed", ())) as pod:
        service = pod.start(spec(image, "idle"))
        Path(service._folder, "program").chmod(0)
    assert not list(process_runtime._work.glob("closed-*"))
