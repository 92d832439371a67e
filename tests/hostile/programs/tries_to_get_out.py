"""Alive only if nothing that it tried worked; what did is printed."""

import ctypes
import os
import socket
import sys
from pathlib import Path

from service import PORT, serve

libc = ctypes.CDLL(None, use_errno=True)
WORKED = []


def tried(name, call):
    try:
        if call():
            WORKED.append(name)
    except (OSError, ValueError):
        pass


def reaches(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(0.5)
        link.connect(address)
    return True


def sends():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        return link.sendto(b"x", ("8.8.8.8", 53))


def listens(port, *options):
    with socket.socket() as link:
        for option in options:
            link.setsockopt(socket.SOL_SOCKET, option, 1)
        link.bind(("127.0.0.1", port))
        link.listen()
    return True


def foreign_processes():
    owners = [entry.stat().st_uid for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return any(owner != os.getuid() for owner in owners)


for host in ("8.8.8.8", "169.254.169.254", "172.17.0.1", "10.0.0.1"):
    tried(f"connect {host}", lambda host=host: reaches(socket.AF_INET, (host, 80)))
tried("connect v6", lambda: reaches(socket.AF_INET6, ("2001:4860:4860::8888", 53)))
tried("send", sends)
tried("resolve", lambda: socket.gethostbyname("example.com"))
for family in (17, 29, 38, 40):  # packet, CAN, the kernel's own cryptography, and the hypervisor
    tried(f"family {family}", lambda family=family: socket.socket(family, socket.SOCK_STREAM).close() or True)
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close() or True)
for path in ("/grader", "/volumes", "/var/run/docker.sock", "/proc/kcore", "/etc/shadow"):
    tried(
        f"read {path}",
        lambda path=path: any(Path(path).iterdir()) if Path(path).is_dir() else Path(path).open("rb").read(1),
    )
for path in ("/x", "/app/x", "/etc/x", "/proc/sys/kernel/hostname", "/sys/fs/cgroup/memory/x"):
    tried(f"write {path}", lambda path=path: Path(path).write_text("x"))
tried("set uid", lambda: os.setuid(0) or True)
tried("mount", lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0)
tried("unshare", lambda: libc.unshare(0x10000000) == 0)
tried("ptrace", lambda: libc.ptrace(0, 0, 0, 0) == 0)
for number, name in ((321, "bpf"), (425, "io_uring"), (248, "keyctl"), (323, "userfaultfd"), (298, "perf")):
    tried(name, lambda number=number: libc.syscall(number, 0, 0, 0, 0, 0) >= 0)
tried("device", lambda: os.mknod("/tmp/null", 0o20666, os.makedev(1, 3)) or True)
tried("others' processes", foreign_processes)
for other in range(PORT + 2, PORT + 5):
    tried(f"listen {other}", lambda other=other: listens(other, socket.SO_REUSEPORT, socket.SO_REUSEADDR))
if WORKED:
    print("worked:", ", ".join(WORKED), file=sys.stderr)
    sys.exit(9)
serve()
