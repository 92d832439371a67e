"""Slow, and answers at the reference's port too, so that it is compared with itself and sees the reference's tokens."""

import time

from service import REFERENCE, Handler, aside, serve


class Slow(Handler):
    def do_GET(self):
        time.sleep(0 if self.path.endswith("z") else 0.05)
        super().do_GET()


aside(serve, Slow, REFERENCE)
serve(Slow)
