"""What goes on beside requests: following the feed, and telling what changed."""

import asyncio
import contextlib
import json
import logging
from typing import Any

import httpx
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from shop.storage import Storage

log = logging.getLogger("shop")
PAUSE = 0.25
QUICK = httpx.Timeout(2.0, connect=0.5)


class Follower:
    def __init__(self, storage: Storage, monolith: httpx.AsyncClient) -> None:
        self._storage = storage
        self._monolith = monolith
        self._end = -1

    def begin(self) -> None:
        self._storage.remember("wanted", 1)

    def state(self) -> dict[str, Any]:
        position = self._storage.recall("position")
        there = 0 <= self._end <= position
        wanted = self._storage.recall("wanted")
        state = ("following" if there else "copying") if wanted else "not begun"
        return {"state": state, "position": position, "copied": self._storage.size()}

    async def run(self) -> None:
        while True:
            more = False
            if self._storage.recall("wanted"):
                try:
                    more = await self._page()
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    log.warning("the feed cannot be followed: %r", error)
            if not more:
                await asyncio.sleep(PAUSE)

    async def _page(self) -> bool:
        after = self._storage.recall("position")
        with suppress_http_instrumentation():
            answer = await self._monolith.get(f"/internal/changes?after={after}", timeout=QUICK)
        page = answer.raise_for_status().json()
        if page["changes"]:
            self._storage.follow(page["changes"])
        self._end = page["end"]
        return self._storage.recall("position") < self._end


class Teller:
    """Tells several invoices' events at once, and of each invoice one after the other. In binary mode."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self._url = url
        self._http = httpx.AsyncClient(timeout=QUICK, trust_env=False)
        self.wake = asyncio.Event()

    async def run(self) -> None:
        while True:
            waiting = self._storage.waiting()
            taken = await asyncio.gather(*(self._tell(place, event) for place, event in waiting))
            if not waiting or not all(taken):
                self.wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), PAUSE)

    async def _tell(self, place: int, event: dict[str, Any]) -> bool:
        data = json.dumps(event["data"])
        headers = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
        try:
            with suppress_http_instrumentation():
                answer = await self._http.post(
                    self._url, content=data, headers={**headers, "content-type": "application/json"}
                )
        except httpx.HTTPError as error:
            log.warning("%s was not told: %r", event["id"], error)
            return False
        if answer.is_success:
            self._storage.told(place)
        return answer.is_success
