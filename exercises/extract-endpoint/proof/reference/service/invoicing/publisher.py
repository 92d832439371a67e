"""Empties the outbox, the oldest event first. One that is not taken is sent again, under its id, before any other."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import requests
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from invoicing.background import Background

if TYPE_CHECKING:
    from invoicing.domain import Document
    from invoicing.store import Store

log = logging.getLogger("invoicing")
TIMEOUT = (0.5, 2.0)
PAUSE = 0.5
AT_ONCE = 50
HEADERS = {"Content-Type": "application/cloudevents+json"}


class Publisher:
    """An event leaves the outbox after it was taken, never before: it may come twice, and is never lost."""

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False
        self._background = Background("empty the outbox", self._round, PAUSE)

    def start(self) -> None:
        self._background.start()

    def wake(self) -> None:
        """There is something to send."""
        self._background.wake()

    def _round(self) -> bool:
        waiting = self._store.unsent(AT_ONCE)
        for seq, event in waiting:
            if not self._taken(event):
                return False
            self._store.sent(seq)
        return len(waiting) == AT_ONCE

    def _taken(self, event: Document) -> bool:
        headers = HEADERS | ({"traceparent": event["traceparent"]} if "traceparent" in event else {})
        try:
            with suppress_http_instrumentation():
                answer = self._http.post(self._url, data=json.dumps(event), headers=headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            log.warning("event %s was not taken: %s", event["id"], error)
            return False
        return answer.ok
