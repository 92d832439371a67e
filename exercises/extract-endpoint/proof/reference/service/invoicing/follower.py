"""Copies what the monolith has, and follows what it changes: one feed, read from the place where we were."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from invoicing.background import Background
from invoicing.monolith import MonolithError

if TYPE_CHECKING:
    from invoicing.domain import Document
    from invoicing.monolith import Monolith
    from invoicing.store import Store

log = logging.getLogger("invoicing")
PAUSE = 0.2


class Follower:
    """The place in the feed is in the store, with what was copied up to it: a kill costs a page, which comes again."""

    def __init__(self, store: Store, monolith: Monolith) -> None:
        self._store = store
        self._monolith = monolith
        self._end: int | None = None
        self._background = Background("follow the feed", self._page, PAUSE)

    def start(self) -> None:
        self._background.start()

    def begin(self) -> None:
        """Follow from now on."""
        self._store.want()
        self._background.wake()

    def status(self) -> Document:
        """How far it is. It follows when it has once been at the end of the feed."""
        followed = self._store.followed()
        state = "idle"
        if followed.wanted:
            state = "following" if self._end is not None and followed.position >= self._end else "copying"
        return {"state": state, "position": followed.position, "copied": followed.copied}

    def _page(self) -> bool:
        followed = self._store.followed()
        if not followed.wanted:
            return False
        try:
            changes, end = self._monolith.changes(followed.position)
        except MonolithError as error:
            log.warning("the feed cannot be read: %s", error)
            return False
        if changes:
            self._store.take(changes)
        self._end = end
        return bool(changes) and changes[-1]["seq"] < end
