"""What the checks of a migration leave as evidence: rollouts, a ledger of events, and where answers differed."""

from __future__ import annotations

from dataclasses import replace

from tests.reports import samples

from assesskit.checks import carrying_out, event_ledger
from assesskit.checks.carrying_out import Run, Scenario
from assesskit.checks.evidence import Evidence as Collected
from assesskit.instruments.migration import Found, Row, Setting
from assesskit.instruments.rollout_plan import Mode
from assesskit.instruments.sink import Taken
from assesskit.model import Assessment, Evidence

STAGES: tuple[tuple[Mode, float, int], ...] = (
    ("shadow", 0, 5),
    ("mirror", 0, 5),
    ("canary", 5, 10),
    ("canary", 25, 5),
    ("primary", 100, 5),
)
QUIET = Row(1, "shadow", 0, 120, 0, 1.0, 42.7, 120, 0, 0.0, 0, "hold", "the stage is not over", "", ended=False)


def minutes(fault_from: int = 99) -> tuple[Row, ...]:
    """A rollout to its end, or until the third minute with a fault."""
    rows: list[Row] = []
    for mode, percent, long in STAGES:
        for number in range(1, long + 1):
            live = int(120 * percent / 100)
            row = replace(QUIET, minute=len(rows) + 1, mode=mode, percent=float(percent), live=live)
            if live:
                row = replace(row, requests=live)
            if number == long:
                row = replace(row, action="promote", reason="the gate holds", ended=mode == "primary")
            if row.minute >= fault_from:
                bad = max(1, live // 2)
                row = replace(
                    row, fault="error", bad=bad, success=1 - bad / max(live, 1), burn=100 * bad / max(live, 1)
                )
            rows.append(row)
            if row.minute == fault_from + 2:
                reason = "success_rate is 0.8333 over 18 requests, below 0.95"
                rows[-1] = replace(row, action="roll back", reason=reason, ended=True)
                return tuple(rows)
    return tuple(rows)


def run(fault_from: int = 99, what: str = "a healthy service") -> Run:
    """A rollout as it went."""
    setting = Setting(objective=0.99, slow_ms=250, healthy_ms=100)
    return Run(Scenario(what, healthy=fault_from == 99), setting, minutes(fault_from), differences(), (), ())


def differences() -> tuple[Found, ...]:
    """Lost minor units, a note that is left out with a reason, and a value that we made wrong."""
    at = "GET /accounts/a-17/invoices/i-{}"
    return (
        *(
            Found(3, "shadow", at.format(n), "/lines/0/amount_cents", "1249", "1200", "", played=False)
            for n in range(9)
        ),
        Found(4, "mirror", at.format(1), "/memo", "null", "absent", "a memo that is empty is left out", played=False),
        Found(12, "live", at.format(2), "/total_cents", "10490", "10491", "", played=True),
        Found(12, "live", at.format(2), "header:x-total-count", '"7"', "absent", "", played=False),
    )


def events() -> list[Taken]:
    """Four events, one of which came again after the sink took it and answered 500."""

    def taken(number: int, subject: str, sequence: int, what: str, answered: int | None = 204) -> Taken:
        told = {
            "specversion": "1.0",
            "id": f"0f8c2b1e-{subject}-{sequence}",
            "source": "/invoicing",
            "type": f"invoice.{what}.v1",
            "subject": subject,
            "sequence": str(sequence),
        }
        return Taken(number, 1000 + number * 0.137, number, "structured", told, {"id": subject}, "", answered)

    return [
        taken(1, "i-9", 1, "created"),
        taken(2, "i-9", 2, "issued", 500),
        taken(3, "i-9", 2, "issued"),
        taken(4, "i-12", 1, "created", None),
        taken(5, "i-9", 3, "settled"),
    ]


def pieces() -> tuple[Evidence, ...]:
    """All of it, as the grader hands it over."""
    collected = Collected()
    carrying_out.leave(run(), collected, 24)
    carrying_out.leave(run(14, "a service that fails every other request"), collected, 24)
    event_ledger.leave_ledger("Events while the sink failed", events(), collected, {2: "the sink answered 500"})
    return tuple(Evidence.model_validate(each) for each in collected.collected())


def assessment() -> Assessment:
    """A criterion that is not met, with all of it as evidence."""
    seen = samples.observation("contract.errors", "failed", summary="It was rolled back", evidence=pieces())
    wanted = samples.criterion("contract.errors", "A faulty service is rolled back in time")
    return samples.assessment((samples.result(wanted, "not_met", "It was rolled back", seen),))
