"""How the router asks one side: whatever that answers, it costs a bounded time and a bounded memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from assesskit.instruments.differences import Seen
from assesskit.instruments.relay_server import HOP_BY_HOP

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer's body; a longer one is none."""
MAX_PIECES = 4096
"""Pieces that a body may come in: each costs us processor."""
FINAL, LAST = 200, 599
BAD_GATEWAY, GATEWAY_TIMEOUT, SERVER_ERROR = 502, 504, 500
OURS = frozenset({"rollout-key", "rollout-mode", "rollout-side"})


@dataclass(frozen=True)
class Asked:
    """A request on its way through, without what was meant for one connection only, or for us."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes
    account: str = ""

    @property
    def reads(self) -> bool:
        """Whether it asks for nothing to be done (RFC 9110, 9.2.1)."""
        return self.method in {"GET", "HEAD"}

    @property
    def name(self) -> str:
        """What it is called in records."""
        return f"{self.method} {self.path}"[:300]


@dataclass(frozen=True)
class Reply:
    """What a side answered, in so many ms. `error` says why there is no answer; `status` is what a caller gets then."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    ms: float
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether it is an answer, and none of a server that failed."""
        return not self.error and self.status < SERVER_ERROR

    @property
    def late(self) -> bool:
        """Whether it was given up."""
        return bool(self.error) and self.status == GATEWAY_TIMEOUT

    @property
    def seen(self) -> Seen:
        """The answer as it is compared."""
        return Seen(self.status, {name.lower(): value for name, value in self.headers.items()}, self.body)


class _Refused(Exception):  # noqa: N818  the server's doing, told as the `error` of a reply
    """Why an answer is none."""


class Wire:
    """Asks programs on 127.0.0.1; a connection of its own for every request, since a kept one may end under it."""

    def __init__(self) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    async def ask(self, port: int, asked: Asked, deadline: float, more: Mapping[str, str] | None = None) -> Reply:
        """Send a request to a port, with `more` headers; never raises for what the other side does."""
        began = time.monotonic()
        headers = asked.headers.copy()
        headers.update(more or {})
        url = URL(f"http://127.0.0.1:{port}{asked.path}", encoded=True)
        body = asked.body or (None if asked.reads else b"")
        status, error = BAD_GATEWAY, ""
        try:
            async with (
                asyncio.timeout(deadline),
                self._http.request(asked.method, url, headers=headers, data=body, allow_redirects=False) as response,
            ):
                if not FINAL <= response.status <= LAST:
                    raise _Refused(f"a status of {response.status}, which is no final one")
                received = await _body(response)
                return Reply(response.status, _kept(response.headers), received, _ms(began))
        except TimeoutError:
            status, error = GATEWAY_TIMEOUT, f"no complete answer within {deadline:g} s"
        except _Refused as refusal:
            error = str(refusal)
        except aiohttp.ClientConnectorError:
            error = "connection refused"
        except (aiohttp.ClientError, ValueError) as failure:  # ValueError: a header that is none
            error = f"no valid HTTP answer: {type(failure).__name__}"
        return Reply(status, CIMultiDict(), b"", _ms(began), error)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body, pieces = bytearray(), 0
    async for chunk in response.content.iter_any():
        body += chunk
        pieces += 1
        if len(body) > MAX_ANSWER:
            raise _Refused(f"an answer of more than {MAX_ANSWER} bytes")
        if pieces > MAX_PIECES:
            raise _Refused(f"an answer in more than {MAX_PIECES} pieces")
    return bytes(body)


def onward(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers of a request that go on to a side; answers are asked for as they are, since they are compared."""
    gone = HOP_BY_HOP | OURS | {token.strip().lower() for token in headers.get("Connection", "").split(",")}
    kept = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in gone)
    kept["Accept-Encoding"] = "identity"
    return kept


def _kept(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers of an answer that go back; bytes that are no UTF-8 are read as Latin-1, so that they can be sent."""
    return CIMultiDict(
        (name, value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        for name, value in headers.items()
        if name.lower() not in HOP_BY_HOP | OURS
    )


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
