"""The programs of the contract, as scripts of a fake."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import time

from assesskit.model import Usage
from assesskit.pods import Exit
from assesskit.pods.fake import FakeProcess, Script, idle


def speak(process: FakeProcess) -> None:
    process.send(b"out\x00\xff")
    process.complain(b"err")
    sys.exit(3)


def stubborn(process: FakeProcess) -> None:
    process.catch("TERM")
    process.send(b"ready")
    idle(process)


def flood(process: FakeProcess) -> None:
    for _ in range(3 * 1024):
        process.send(b"x" * 1023)
    process.send(b"the end")


def echo(process: FakeProcess) -> None:
    while (line := process.receive()) != b"bye":
        process.send(b"x" * int(line[4:]) if line.startswith(b"big ") else line)
    process.complain(b"left")


def read(process: FakeProcess) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in process.spec.files.items()}
    process.send(json.dumps(digests).encode())


def keep(process: FakeProcess) -> None:
    process.volume["lines"] = process.volume.get("lines", b"") + b"line\n"
    process.send(str(process.volume["lines"].count(b"\n")).encode())
    idle(process)


def burn(process: FakeProcess) -> None:
    process.used = Usage(cpu_seconds=0.5, memory_bytes=50_000_000)
    process.send(b"used")
    idle(process)


def listen(process: FakeProcess) -> None:
    with socket.create_server(("127.0.0.1", int(process.spec.env["PORT"]))) as server:
        server.settimeout(0.02)
        while True:
            process.sleep(0)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                process.sleep(0)
                connection.sendall(b"hello")


def connect(process: FakeProcess) -> None:
    until = time.monotonic() + float(process.spec.env["UNTIL"])
    found = b""
    while found != b"hello":
        try:
            with socket.create_connection(("127.0.0.1", int(process.spec.env["PORT"])), timeout=0.3) as connection:
                found = connection.recv(100)
        except TimeoutError:
            found = b"silent"
        except ConnectionError:
            found = b"no way"
        if time.monotonic() >= until:
            break
        process.sleep(0.01)
    process.send(found)


SCRIPTS: dict[str, Script] = {
    "speak": speak,
    "suicide": Exit(137),
    "missing": Exit(127),
    "idle": idle,
    "stubborn": stubborn,
    "flood": flood,
    "echo": echo,
    "read": read,
    "keep": keep,
    "burn": burn,
    "listen": listen,
    "listen-one": listen,
    "listen-two": listen,
    "connect-one": connect,
    "connect-two": connect,
    "before": connect,
    "paused": connect,
    "after": connect,
}
