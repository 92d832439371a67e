"""Can it take traffic? Asked in the background, so that the probe itself answers at once."""

from __future__ import annotations

import asyncio
import logging

from orders import telemetry
from orders.inventory import Inventory
from orders.store import Store

log = logging.getLogger(__name__)

# A loss is noticed after EVERY + TIMEOUT at the latest, and so is a return: 2.5 of the 5 seconds.
EVERY = 0.5
TIMEOUT = 2.0


class Readiness:
    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._checks = {"store": store.check, "inventory": inventory.healthy}
        self.state = dict.fromkeys(self._checks, False)

    @property
    def ready(self) -> bool:
        return all(self.state.values())

    async def watch(self) -> None:
        await asyncio.gather(*(self._watch(name) for name in self._checks))

    async def _watch(self, name: str) -> None:
        while True:
            try:
                async with asyncio.timeout(TIMEOUT):
                    await self._checks[name]()
                fault = None
            except Exception as error:
                fault = repr(error)
            if self.state[name] != (fault is None):
                level = logging.INFO if fault is None else logging.WARNING
                log.log(level, f"{name} {'is available' if fault is None else 'was lost'}", extra={"reason": fault})
            self.state[name] = fault is None
            telemetry.DEPENDENCY_UP.labels(name).set(fault is None)
            await asyncio.sleep(EVERY)
