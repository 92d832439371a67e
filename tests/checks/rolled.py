"""A plan that is safe, and the traffic it is carried out with between `moving`'s monolith and service."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from assesskit.checks.carrying_out import Lanes, Step
from assesskit.checks.exchange import Exchange, Request
from assesskit.checks.safe_plans import Terms
from assesskit.instruments.migration import Setting

PLAN = """
[[stages]]
mode = "shadow"
minutes = 2
[[stages]]
mode = "mirror"
minutes = 2
[[stages]]
mode = "canary"
percent = 10
minutes = 6
[[stages]]
mode = "canary"
percent = 50
minutes = 3
[[stages]]
mode = "primary"
minutes = 2
[gate]
window = 3
min_requests = 10
success_rate = 0.9
differences = 0.0
[rollback]
window = 4
min_requests = 12
success_rate = 0.85
p95_ms = 300
differences = 0.02
"""
SETTING = Setting(objective=0.99, slow_ms=300, healthy_ms=100)
TERMS = Terms(budget=18, late=6, slower_ms=600, place="/total")
ACCOUNTS = [f"account-{number}" for number in range(48)]
EACH_MINUTE = 12
"""Accounts, of four requests each."""


def lane(account: str) -> list[Step]:
    """Make an invoice, read it, pay it, read the list."""
    headers = (("X-Account", account), ("Content-Type", "application/json"))
    body = json.dumps({"lines": [{"amount": 1250}, {"amount": 99}]}).encode()

    def about(tail: str, method: str) -> Callable[[Sequence[Exchange]], Request | None]:
        def step(seen: Sequence[Exchange]) -> Request | None:
            made = seen[0].answered()
            number = made.json()["id"] if made.status == 201 else "none"
            return Request(method, f"/v1/invoices/{number}{tail}", headers)

        return step

    made = Request("POST", "/v1/invoices", headers, body)
    return [made, about("", "GET"), about("/pay", "POST"), Request("GET", f"/v1/invoices?account={account}", headers)]


def traffic(minute: int) -> Lanes:
    start = minute * EACH_MINUTE % len(ACCOUNTS)
    return [lane(account) for account in ACCOUNTS[start : start + EACH_MINUTE]]
