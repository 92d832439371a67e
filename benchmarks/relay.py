"""What the relay adds to a call, against the same call without it, in the same run and in turn."""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import statistics
import time
from itertools import chain
from multiprocessing.connection import Connection

import aiohttp

from assesskit.instruments.relay import Relay

ROUNDS, CALLS = 12, 50
BURSTS, BURST, AT_ONCE = 5, 600, 32
BODY = b'{"sku": "TEA-0042", "quantity": 3}'
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" + b'{"reserved": yes}'


class Target(asyncio.Protocol):
    """Answers each request with the same bytes: as little of a server as there can be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(BODY):
            self.transport.write(ANSWER)


async def serve(ready: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def target(ready: Connection) -> None:
    asyncio.run(serve(ready))


def latencies(connection: http.client.HTTPConnection) -> list[float]:
    """Milliseconds of calls one after the other on a connection that is kept alive."""
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        connection.request("POST", "/reservations", body=BODY, headers={"Content-Type": "application/json"})
        connection.getresponse().read()
        taken.append((time.perf_counter() - start) * 1000)
    return taken


async def per_second(port: int) -> float:
    """Calls a second with many at once."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def call() -> None:
            async with session.post(f"http://127.0.0.1:{port}/reservations", data=BODY) as response:
                await response.read()

        start = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(BURST)))
        return BURST / (time.perf_counter() - start)


def main() -> None:
    """Print the added latency and the throughput that is left."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(theirs,), daemon=True)
    process.start()
    direct = ours.recv()
    relay = Relay.start("inventory", 0, direct, "json:/sku")
    try:
        connections = [http.client.HTTPConnection("127.0.0.1", port) for port in (direct, relay.port)]
        rounds = [[latencies(connection) for connection in connections] for _ in range(ROUNDS)]
        without, through = (statistics.median(chain.from_iterable(side)) for side in zip(*rounds, strict=True))
        bursts = [[asyncio.run(per_second(port)) for port in (direct, relay.port)] for _ in range(BURSTS)]
        alone, relayed = (statistics.median(side) for side in zip(*bursts, strict=True))
    finally:
        relay.stop()
        process.terminate()
        process.join()
    print(
        f"relay, latency          {through - without:5.2f} ms added to {without:.2f} ms   (medians of {ROUNDS * CALLS})"
    )
    print(f"relay, throughput       {relayed / alone:5.2f} x  direct: {relayed:.0f} of {alone:.0f} calls/s")


if __name__ == "__main__":
    main()
