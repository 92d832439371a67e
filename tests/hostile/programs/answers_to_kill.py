"""Answers made to break whoever reads them, another one for each request; ready and alive are answered plainly."""

import gzip
import itertools
import zlib

from service import COLLECTOR, RELAY, Handler, serve

PLAIN = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nLocation: /v1/orders/1\r\n"
BOMB = gzip.compress(bytes(64 * 2**20))
NUMBER = itertools.count()
ANSWERS = (
    (PLAIN + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 2**12),
    (PLAIN + b"Content-Length: 99999999999999\r\n\r\n", b"[" * 65536, 2**12),
    (PLAIN + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB, 1),
    (PLAIN, b"X-Header: " + b"y" * 1000 + b"\r\n", 2**16),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 2**19),
    (PLAIN + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n", 1),
    (PLAIN + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n", b"{}   ", 1),
    (b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/v1/traces\r\nContent-Length: 0\r\n\r\n" % COLLECTOR, b"", 1),
    (b"HTTP/1.1 302 Go\r\nLocation: file:///proc/self/environ\r\nContent-Length: 0\r\n\r\n", b"", 1),
    (b"HTTP/1.1 301 Go\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % RELAY, b"", 1),
    (PLAIN + b"Content-Length: 1800\r\n\r\n", b"[" * 900 + b"]" * 900, 1),
    (PLAIN + b"Content-Length: 35\r\n\r\n", b'{"id": 1e999, "sku": NaN, "id": -0}', 1),
    (PLAIN + b"Content-Length: 30\r\n\r\n", b'{"id": "\\ud800", "sku": "\\udfff"}', 1),
    (PLAIN + b"ETag: \x1b]0;owned\x07\r\nContent-Length: 24\r\n\r\n", b'"<script>alert(1)</script', 1),
    (zlib.compress(b"no HTTP"), b"", 1),
    (b"HTTP/9.9 -1 \xff\r\n\r\n", b"", 1),
)


class Killer(Handler):
    def do_POST(self):
        self.body()
        head, piece, times = ANSWERS[next(NUMBER) % len(ANSWERS)]
        self.close_connection = True
        try:
            self.wfile.write(head)
            for _ in range(times):
                self.wfile.write(piece)
        except OSError:
            pass

    def do_GET(self):
        super().do_GET() if self.path in ("/readyz", "/livez") else self.do_POST()

    do_DELETE = do_POST


serve(Killer)
