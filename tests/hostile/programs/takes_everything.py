"""After its first order: processes, threads, memory, files, descriptors and output without end, deaf to signals."""

import os
import signal
import socket
import time
from pathlib import Path

from service import Handler, aside, serve


def processes():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)


def memory():
    kept = []
    while True:
        kept.append(bytearray(2**20))


def files(folder):
    for number in range(100_000):
        try:
            Path(folder, f"{number}").write_bytes(bytes(2**20))
        except OSError:
            time.sleep(0.01)


def descriptors():
    kept = []
    while True:
        kept.append(socket.socketpair())


def output():
    while True:
        os.write(1, b"\x1b[31m" * 13_000)


class Taker(Handler):
    begun = False

    def do_POST(self):
        super().do_POST()
        if Taker.begun:
            return
        Taker.begun = True
        for call in (
            lambda: files("/tmp"),
            lambda: files(os.environ["DATA_DIR"]),
            lambda: files("/dev/shm"),
            descriptors,
        ):
            aside(call)
        for call in (output, memory, processes):
            if os.fork() == 0:
                call()


for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(each, signal.SIG_IGN)
serve(Taker)
