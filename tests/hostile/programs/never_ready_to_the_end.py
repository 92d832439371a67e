"""Begins to be ready, header by header, for ever."""

import time

from service import Handler, serve


class Dripping(Handler):
    def do_GET(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X-Wait: a moment\r\n")
            time.sleep(0.2)


serve(Dripping)
