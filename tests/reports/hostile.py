"""The sample assessment with text in it that attacks whoever renders it."""

from __future__ import annotations

from typing import Any

from tests.reports import pieces, samples

from assesskit.model import Assessment, Evidence, Failure, Submitted, Usage, Variant

ATTACKS = (
    "</pre></style></title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)><a href="javascript:alert(1)">click</a>',
    "{{ 7 * 191 }}{% raw %}",
    "\x1b[2J\x1b]0;owned\x07\x00\x9b31m",
    "\u202etxt.exe\u202c\u2066\u200b\ufeff\u2028\U000e0041",
    '=HYPERLINK("http://evil.test","x") +1 -1 @sum',
    "[link](https://evil.test) ![x](https://evil.test/x.png) <https://evil.test> https://evil.test www.evil.test",
    "\n\n# Heading\n\n```\nfence\n```\n\n---\n\n| a | b |\n| - | - |\n\n<b>bold</b> **bold** `code` &amp; &#60;",
    "::error::x\r\nSet-Cookie: a=b",
    "x" * 20_000,
)  # fmt: skip
HOSTILE = " ".join(ATTACKS)


def poisoned(value: Any) -> Any:
    """The value with every text in it made hostile; digests, ids and numbers keep their place."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, dict):
        return {key: poisoned(held) for key, held in value.items()}
    return [poisoned(held) for held in value] if isinstance(value, list | tuple) else value


def evidence(piece: Evidence) -> Evidence:
    """The same kind of evidence, all its text hostile."""
    return Evidence(kind=piece.kind, title=HOSTILE, data=poisoned(piece.data))


def assessment() -> Assessment:
    """Every field a submission can reach is hostile; the rubric and the ids are ours and stay."""
    make = (pieces.exchange, pieces.relay, pieces.spans, pieces.latency, pieces.log, pieces.figure, pieces.note)
    said = dict.fromkeys(("summary", "sent", "received", "expected", "rule", "detail"), HOSTILE)
    wanted = samples.criterion("idempotency.concurrent", "Simultaneous retries do the work once")
    seen = samples.observation(
        wanted.id,
        "failed",
        **said,
        evidence=(*(evidence(each()) for each in make), Evidence(kind="spans", title=HOSTILE, data={HOSTILE: 1})),
    )
    open_ = samples.observation("contract.errors", "errored", **said)
    results = (
        samples.result(wanted, "not_met", HOSTILE, seen),
        samples.result(samples.criterion("contract.errors", "Errors are problem details"), "ungraded", HOSTILE, open_),
    )
    return samples.assessment(
        results,
        variant=Variant(seed=HOSTILE, parameters={HOSTILE: HOSTILE}),
        submission=Submitted(name=HOSTILE, digest=HOSTILE, manifest={HOSTILE: [HOSTILE]}),
        failure=Failure(phase="run", reason=HOSTILE, log=HOSTILE),
        outcome="submission_failed",
        images={HOSTILE: HOSTILE},
        usage={HOSTILE: Usage()},
        seconds={HOSTILE: 1.0},
    )
