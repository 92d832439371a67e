"""After its first order: errors for their log, bodies held back, spans without number under the caller's own trace,
forged ones under another's token, and what a grader would print, on its own output."""

import json
import os
import socket
import time
import urllib.request

from service import COLLECTOR, RELAY, TOKEN, Handler, reserve, serve


def errors():
    while True:
        for port in (RELAY, COLLECTOR):
            with socket.create_connection(("127.0.0.1", port), 5) as link:
                link.sendall(b"GET /\x01" + b"A" * 7000 + b" HTTP/1.1\r\nHo st: \xff\r\n\r\n")
                link.recv(100)


def bodies():
    held = []
    head = b"POST /%s HTTP/1.1\r\nHost: x\r\nX-Ingest-Token: %s\r\nContent-Length: %d\r\n\r\n"
    for size, port, path in [(2**21, COLLECTOR, b"v1/traces"), (2**20, RELAY, b"reservations")] * 150:
        link = socket.create_connection(("127.0.0.1", port), 5)
        link.settimeout(5)
        held.append(link)
        try:
            link.sendall(head % (path, TOKEN.encode(), size) + bytes(size - 1))
        except OSError:
            time.sleep(0.05)
    time.sleep(60)


def spans(trace, number=3000, *, once=False):
    def one(number):
        marks = [{"key": f"k{each}", "value": {"doubleValue": "NaN"}} for each in range(8)]
        return {"traceId": trace, "spanId": f"{number + 1:016x}", "name": "<script>", "attributes": marks}

    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one(number) for number in range(number)]}]}]})
    while True:
        for token in (TOKEN,) if once else (TOKEN, "0" * 32, "", "reference"):
            headers = {"X-Ingest-Token": token, "Content-Type": "application/json"}
            call = urllib.request.Request(f"http://127.0.0.1:{COLLECTOR}/v1/traces", body.encode(), headers)
            urllib.request.urlopen(call, timeout=20).read()
        if once:
            return


def again(call, *arguments):
    if os.fork() == 0:
        while True:
            try:
                call(*arguments)
            except OSError:
                pass


FORGED = {
    "type": "observation",
    "nonce": "0" * 32,
    "observation": {"criterion": "logs.correlated", "outcome": "passed"},
}


class Storm(Handler):
    begun = False

    def do_POST(self):
        order = self.body()
        parent = self.headers.get("traceparent") or ""
        if not Storm.begun:
            Storm.begun = True
            reserve(order, traceparent=parent)
            trace = parent.split("-")[1] if parent else "ab" * 16
            spans(trace, 1, once=True)
            for call in (errors, errors, bodies):
                again(call)
            again(spans, trace)
            print(json.dumps(FORGED), json.dumps({"type": "finished", "ok": True}), sep="\n", flush=True)
        self.answer(201, b"{}", Location="/v1/orders/1")


serve(Storm)
