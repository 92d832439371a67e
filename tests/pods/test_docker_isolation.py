"""What a container on the engine may do, and what it may not, tried from inside."""

from __future__ import annotations

import os
import textwrap
import time
from typing import Any

import pytest

from assesskit.errors import EngineError, SubmissionFailed
from assesskit.pods import Image, Limits, PodSpec, ServiceSpec

pytestmark = pytest.mark.docker

SAFETY = 30.0
BASE = Image(os.environ.get("ASSESSKIT_BASE_IMAGE", "python:3.12-slim"), "")
RECIPE = "ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n"


@pytest.fixture
def pod(docker_runtime):
    with docker_runtime.open(PodSpec("isolation", ("one",), {"data": 4})) as pod:
        yield pod


@pytest.fixture
def start(pod):
    def start(code, *, name="probe", role="submission", **how):
        return pod.start(ServiceSpec(name, role, BASE, command=("python3", "-c", textwrap.dedent(code)), **how))

    return start


@pytest.fixture
def said(start):
    """Run a program to its end and return what it printed, both streams."""

    def said(code, **how):
        service = start(code, **how)
        service.wait(SAFETY)
        output = service.output()
        return (output.stdout + output.stderr).decode().strip()

    return said


def inspect(runtime: Any, service: Any) -> Any:
    return runtime._engine.api.inspect_container(service._container)


def test_every_restriction_is_in_force_on_the_container_that_runs(docker_runtime, start):
    service = start("import time; time.sleep(60)", limits=Limits(memory_mb=128, cpus=0.5, pids=20, log_mb=2))
    made = inspect(docker_runtime, service)
    host = made["HostConfig"]
    assert host["NetworkMode"].startswith("container:")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == host["MemorySwap"] == 128 * 1024 * 1024
    assert (host["NanoCpus"], host["PidsLimit"], host["IpcMode"]) == (500_000_000, 20, "private")
    assert host["LogConfig"]["Config"]["max-size"] == "1024k"
    assert made["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert made["Config"]["User"] == f"{service.uid}:{service.uid}"
    assert made["Mounts"] == []


def test_a_program_has_no_capability_no_new_privileges_and_a_system_call_filter(said):
    status = said("print(open('/proc/self/status').read())")
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.create_connection(('192.0.2.1', 80), 2)",
        "socket.create_connection(('169.254.169.254', 80), 2)",
        "socket.getaddrinfo('example.com', 80)",
        "call(libc.unshare(0x10000000))",
        "call(libc.ptrace(0, 0, 0, 0))",
        "call(libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0))",
        "call(libc.syscall(425, 8, 0))",
        "call(libc.keyctl(0, -3, 1))",
        "os.mknod('/tmp/device', 0o600 | stat.S_IFBLK, os.makedev(8, 0))",
        "os.setuid(0)",
        "open('/etc/added', 'w')",
        "open('/proc/sys/kernel/hostname', 'w')",
    ],
)
def test_a_program_cannot_get_out(said, attempt):
    printed = said(f"""
        import ctypes, os, socket, stat
        libc = ctypes.CDLL(None, use_errno=True)
        def call(result):
            if result == -1:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            {attempt}
            print("it worked")
        except (OSError, AttributeError) as error:
            print("refused", error)
    """)
    assert printed.startswith("refused")


def test_programs_that_must_work_work_under_the_system_call_filter(said):
    printed = said(
        """
        import asyncio, multiprocessing, os, socket, sqlite3, ssl, subprocess, threading
        with multiprocessing.Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
        threads = [threading.Thread(target=os.getpid) for _ in range(40)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        store = sqlite3.connect("/data/store.db")
        assert store.execute("pragma journal_mode=wal").fetchone() == ("wal",)
        store.execute("create table t (x)")
        store.commit()
        assert subprocess.run(["true"]).returncode == 0
        async def serve():
            server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 20099)
            reader, writer = await asyncio.open_connection("localhost", 20099)
            assert await reader.read() == b""
            writer.close(); server.close()
        asyncio.run(serve())
        ssl.create_default_context()
        socket.socketpair(), os.mkfifo("/tmp/fifo"), os.memfd_create("m")
        print("all")
    """,
        volume="data",
    )
    assert printed == "all"


def test_every_service_of_every_pod_has_a_user_id_of_its_own(docker_runtime, start):
    with docker_runtime.open(PodSpec("neighbour", ())) as other:
        sleep = ServiceSpec("a", "submission", BASE, command=("sleep", "60"))
        uids = [start("import time; time.sleep(60)", name=name).uid for name in ("one", "two")]
        uids += [other.start(sleep).uid, other.start(sleep).uid]
    assert len(set(uids)) == 4
    assert min(uids) >= 20000


def test_pods_do_not_reach_each_other(docker_runtime, pod, start, said):
    listen = """
        import socket
        server = socket.create_server(("127.0.0.1", 20001))
        print("listening", flush=True)
        server.accept()
    """
    with docker_runtime.open(PodSpec("neighbour", ("one",))) as other:
        assert other.ports == pod.ports
        there = other.start(
            ServiceSpec("there", "submission", BASE, command=("python3", "-c", textwrap.dedent(listen)))
        )
        assert there.exit() is None
        printed = said("import socket; print(socket.socket().connect_ex(('127.0.0.1', 20001)))")
    assert printed == "111"


def test_a_volume_belongs_to_its_service_alone(start, said):
    start("open('/data/secret', 'w').write('x'); import time; time.sleep(60)", name="owner", volume="data")
    assert "No such file" in said("import os; os.listdir('/data')", name="other")


def test_memory_that_is_not_the_programs_own_is_bounded_too(said):
    printed = said(
        """
        import errno
        for path in ("/tmp/fill", "/dev/shm/fill", "/data/fill"):
            try:
                with open(path, "wb") as sink:
                    for _ in range(90):
                        sink.write(bytes(1 << 20))
            except OSError as error:
                print(path, errno.errorcode[error.errno])
    """,
        volume="data",
        limits=Limits(memory_mb=512, file_mb=200),
    )
    assert printed.splitlines() == ["/tmp/fill ENOSPC", "/dev/shm/fill ENOSPC", "/data/fill ENOSPC"]


def test_a_fork_bomb_is_bounded_and_torn_down(docker_runtime):
    with docker_runtime.open(PodSpec("bomb", ())) as pod:
        command = ("python3", "-c", "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass")
        bomb = pod.start(ServiceSpec("bomb", "submission", BASE, command=command, limits=Limits(pids=30, cpus=0.2)))
        processes = docker_runtime._engine.api.top(bomb._container)["Processes"]
        assert len(processes) <= 30
    assert docker_runtime._engine.api.containers(all=True, filters={"label": "assesskit.run=bomb"}) == []


def test_a_child_that_hits_the_memory_limit_is_told_even_if_its_parent_ends_otherwise(start):
    code = """
        import subprocess, sys
        done = subprocess.run([sys.executable, "-c", "x = bytearray(400 << 20)"])
        sys.exit(5 if done.returncode else 0)
    """
    ended = start(code, limits=Limits(memory_mb=64)).wait(SAFETY)
    assert (ended.status, ended.oom) == (5, True)


def test_a_kill_is_not_taken_for_the_memory_limit(start):
    service = start("import time; time.sleep(60)")
    service.signal("KILL")
    ended = service.wait(SAFETY)
    assert (ended.status, ended.oom) == (137, False)


def test_a_child_that_was_killed_for_memory_is_remembered_over_restarts(start):
    """Its parent ended well, and the next start saw nothing of it."""
    code = """
        import pathlib, subprocess, sys
        if not (first := pathlib.Path("/data/first")).exists():
            first.touch()
            subprocess.run([sys.executable, "-c", "x = bytearray(400 << 20)"])
    """
    service = start(code, volume="data", limits=Limits(memory_mb=64))
    service.wait(SAFETY)
    service.start()
    service.wait(SAFETY)
    assert service.usage().oom
    assert not start("pass", name="other").usage().oom


def test_private_memory_is_what_processes_hold_without_files(start):
    """Half of the memory in use lies in a file of /tmp."""
    code = """
        import time
        held = bytes(b"x" * (20 << 20))
        with open("/tmp/file", "wb") as file:
            file.write(bytes(20 << 20))
        time.sleep(60)
    """
    service = start(code)
    until = time.monotonic() + SAFETY
    while (service.usage().memory_bytes or 0) < 42e6 and time.monotonic() < until:
        time.sleep(0.1)
    assert 20 << 20 < (service.usage().private_bytes or 0) < 36 << 20


def test_a_flood_of_output_ends_the_program(start):
    service = start("import os\nwhile True: os.write(1, b'x' * 65535 + b'\\n')", limits=Limits(log_mb=1))
    assert service.wait(SAFETY).status == 137
    output = service.output()
    assert output.truncated
    assert len(output.stdout) <= 1024 * 1024
    assert b"killed: it printed over" in output.stderr


def test_a_flood_of_output_ends_the_program_again_when_it_is_started_again(start):
    service = start("import os\nwhile True: os.write(1, b'x' * 65535 + b'\\n')", limits=Limits(log_mb=1))
    service.wait(SAFETY)
    service.start()
    assert service.wait(SAFETY).status == 137


@pytest.mark.parametrize("trick", ["rm -rf /data && touch /data", "rm -rf /tmp && ln -s /proc/self /tmp"])
def test_an_image_that_cannot_be_started_is_the_submissions_failure(pod, built, trick):
    """The engine does not start it, and starts the base image the same way."""
    image = built(f"{RECIPE}RUN {trick}\nCMD sleep 60\n")
    with pytest.raises(SubmissionFailed, match="its image cannot be started") as caught:
        pod.start(ServiceSpec("submission", "submission", image, volume="data"))
    assert caught.value.phase == "start"
    with pytest.raises(EngineError):
        pod.start(ServiceSpec("inventory", "dependency", image, volume="data"))


def test_an_image_with_a_volume_is_refused_and_leaves_nothing(docker_runtime, pod, built):
    image = built(RECIPE + "VOLUME /cache\nCMD sleep 60\n")
    with pytest.raises(SubmissionFailed, match="/cache is a volume nobody asked for") as caught:
        pod.start(ServiceSpec("submission", "submission", image))
    assert caught.value.phase == "start"
    roles = [each["Labels"]["assesskit.role"] for each in _containers(docker_runtime, pod)]
    assert roles == ["pause"]


def test_an_image_of_ours_with_a_volume_is_our_failure(pod, built):
    image = built(RECIPE + "VOLUME /cache\nCMD sleep 60\n")
    with pytest.raises(EngineError, match="/cache"):
        pod.start(ServiceSpec("inventory", "dependency", image))


def test_an_image_without_a_command_is_the_submissions_failure(pod, built):
    with pytest.raises(SubmissionFailed, match="CMD"):
        pod.start(ServiceSpec("submission", "submission", built("FROM scratch\nCOPY Dockerfile /\n")))


def test_what_an_image_says_about_user_health_and_entry_point_does_not_change_what_runs(docker_runtime, pod, built):
    image = built(RECIPE + 'HEALTHCHECK CMD touch /tmp/ran\nUSER root\nENTRYPOINT ["sleep", "60"]\n')
    service = pod.start(ServiceSpec("a", "submission", image, command=("id", "-u")))
    assert service.wait(SAFETY).status == 0
    assert service.output().stdout.decode().strip() == str(service.uid)
    assert "Health" not in inspect(docker_runtime, service)["State"]


def _containers(runtime: Any, pod: Any) -> Any:
    return runtime._engine.api.containers(all=True, filters={"label": f"assesskit.pod={pod._id}"})
