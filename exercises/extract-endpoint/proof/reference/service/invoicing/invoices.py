"""The use cases. Each ends in one transaction, or, where callers only want to see what would come of it, in none."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from invoicing import domain
from invoicing.events import event_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoicing.domain import Document, Wanted
    from invoicing.monolith import Monolith
    from invoicing.publisher import Publisher
    from invoicing.store import Store


class Invoices:
    """`silent`, here and below: do everything but keep it and tell it."""

    def __init__(
        self, store: Store, monolith: Monolith, publisher: Publisher, traceparent: Callable[[], str | None]
    ) -> None:
        self._store = store
        self._monolith = monolith
        self._publisher = publisher
        self._traceparent = traceparent

    def made_with(self, account: str, key: str | None) -> Document | None:
        """The invoice that a key of this account has made."""
        return self._store.by_key(account, key) if key is not None else None

    def make(
        self, account: str, key: str | None, wanted: Callable[[], Wanted], *, silent: bool
    ) -> tuple[Document, bool]:
        """A new invoice and True, or the one that somebody else has made with this key meanwhile, and False."""
        owner = self._monolith.account(account)
        if owner.closed:
            raise domain.ClosedError
        invoice = domain.make(wanted(), owner, uuid.uuid4().hex[:16], domain.moment())
        if not silent:
            with self._store.writing():
                if (known := self.made_with(account, key)) is not None:
                    return known, False
                self._put(invoice, key)
            self._publisher.wake()
        return invoice, True

    def issue(self, account: str, invoice_id: str, *, silent: bool) -> Document:
        """Give it a number and a day."""
        self._store.get(account, invoice_id)
        owner = self._monolith.account(account)
        return self._change(
            account,
            invoice_id,
            lambda invoice: domain.issue(invoice, owner, self._store.next_number(account), domain.moment()),
            silent=silent,
        )

    def end(self, account: str, invoice_id: str, status: str, *, silent: bool) -> Document:
        """Settle it, or void it."""
        return self._change(
            account, invoice_id, lambda invoice: domain.end(invoice, status, domain.moment()), silent=silent
        )

    def _change(
        self, account: str, invoice_id: str, change: Callable[[Document], Document], *, silent: bool
    ) -> Document:
        if silent:
            return change(self._store.get(account, invoice_id))
        with self._store.writing():
            before = self._store.get(account, invoice_id)
            after = change(before)
            if after["version"] != before["version"]:
                self._put(after, self._store.request_key(invoice_id))
        self._publisher.wake()
        return after

    def _put(self, invoice: Document, key: str | None) -> None:
        self._store.put(invoice, event_of(invoice, key, domain.moment(), self._traceparent()))
