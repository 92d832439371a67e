"""The things an exercise's API makes: where they are, what they are made from, who may make them.

The exercise says so in its facts, so the checks of this library know no domain::

    [grader.facts.resource]
    path = "/v1/orders"                         POST makes one, GET lists them
    item = "/v1/orders/{order_id}"              GET reads one
    cancel = "/v1/orders/{order_id}/cancel"     POST cancels one
    payload = { sku = "TEA", quantity = 2 }     makes one
    mark = "sku"                                the field the dependency is told; checks make it unique
    count = "quantity"                          a field that is a whole number
    text = "note"                               a field that is free text, and may be left out
    status = "status"                           the field that says what became of it
    confirmed = "confirmed"                     its value once a thing is made
    cancelled = "cancelled"                     its value once it is cancelled
    created = "created_at"                      the field that says when it was made
    unavailable = "OUT-0042"                    a value of the mark that the dependency always refuses
    read = "orders:read"                        scopes
    write = "orders:write"
    dependency = "inventory"                    the service of ours that is asked once for each thing
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assesskit.checks.creation import Creation, patiently
from assesskit.checks.exchange import Exchange, Response
from assesskit.checks.expect import Failure
from assesskit.checks.http import Client, prepared

_ID = re.compile(r"[\w.~-]{1,100}", re.ASCII)
_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Resource:
    """See the module. Paths are those of the contract, with its parameters in braces."""

    path: str
    item: str
    cancel: str
    payload: Mapping[str, Any]
    mark: str
    count: str
    text: str
    status: str
    confirmed: str
    cancelled: str
    created: str
    unavailable: str
    read: str
    write: str
    dependency: str

    @property
    def scopes(self) -> str:
        """Both scopes, as a token's claim."""
        return f"{self.read} {self.write}"

    @property
    def example(self) -> dict[str, Any]:
        """A payload that is valid as it stands; not for checks that look for its mark at the dependency."""
        return {**self.payload, self.mark: f"{self.payload[self.mark]}-0042"}

    def fresh(self, token: str, **changes: Any) -> Creation:
        """A new intention to make one, with a mark and a key that nothing else has."""
        return Creation.fresh(self.path, {**self.payload, **changes}, mark=self.mark, token=token)

    def item_path(self, item_id: object) -> str:
        """The path of one thing."""
        return _PARAMETER.sub(str(item_id), self.item)

    def cancel_path(self, item_id: object) -> str:
        """The path that cancels one thing."""
        return _PARAMETER.sub(str(item_id), self.cancel)

    def made_id(self, answer: Response) -> str | None:
        """The id in the answer that made a thing; None when that names none, or one that fits in no path."""
        try:
            made = answer.json() if answer.status == 201 else None  # noqa: PLR2004
        except Failure:
            return None
        item_id = made.get("id") if isinstance(made, dict) else None
        return item_id if isinstance(item_id, str) and _ID.fullmatch(item_id) else None

    def existing(self, client: Client, bearer: Mapping[str, str]) -> tuple[str, Response]:
        """Make one that other requests are about; its id, and the answer. Raises Failure when none comes of it."""
        exchange = self.made(client, bearer)
        answer = exchange.answered()
        item_id = self.made_id(answer)
        if item_id is None:
            raise Failure(
                f"POST {self.path} with a valid payload answered {answer.status}, so there is nothing to go on with",
                sent=exchange.sent(),
                received=exchange.received(),
                expected="201 with what was made and its id",
                exchange=exchange,
            )
        return item_id, answer

    def made(self, client: Client, bearer: Mapping[str, str]) -> Exchange:
        """Make one; while the service says that it is still recovering, try again. The answer may be any other."""
        headers = {**bearer, "Idempotency-Key": str(uuid.uuid4())}
        return patiently(client, prepared("POST", self.path, headers=headers, json=self.example))
