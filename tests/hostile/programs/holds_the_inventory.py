"""After its first order it holds every thread of the inventory, so that no check after it can run."""

import socket

from service import INVENTORY, Handler, aside, serve

HELD = []


def hold():
    while len(HELD) < 300:
        link = socket.create_connection(("127.0.0.1", INVENTORY), 5)
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-a")
        HELD.append(link)


class Holding(Handler):
    def do_POST(self):
        super().do_POST()
        if not HELD:
            aside(hold)


serve(Holding)
