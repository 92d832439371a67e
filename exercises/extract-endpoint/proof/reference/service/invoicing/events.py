"""What others are told: a CloudEvent for each version of an invoice, with all of it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from invoicing.domain import DRAFT

if TYPE_CHECKING:
    from datetime import datetime

    from invoicing.domain import Document

SOURCE = "/invoicing"


def event_of(invoice: Document, key: str | None, now: datetime, traceparent: str | None) -> Document:
    """The event that says what an invoice has become. Its id is made once, here: whoever gets it twice can tell."""
    what = "created" if invoice["status"] == DRAFT else invoice["status"]
    event: Document = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "type": f"invoice.{what}.v1",
        "subject": invoice["id"],
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "datacontenttype": "application/json",
        "sequence": str(invoice["version"]),
        "data": invoice | {"request_key": key},
    }
    return event | ({"traceparent": traceparent} if traceparent else {})
