"""The sample assessment with text in it that attacks whoever renders it."""

from __future__ import annotations

import json
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


_EVENTS = ("load", "error", "click", "mouseover", "focus", "toggle", "animationstart", "beforeprint", "begin", "copy")
_HOLDERS = ("img src=x", "svg", "body", "details open", "input autofocus", "video src=x", "marquee", "iframe src=x")
_WHOLE = ("script", "style", "title", "textarea", "noscript", "xmp", "template")
_ENDED = ("pre", "code", "td", "svg", "details", "bdi", "title", "p")
_SCHEMES = ("javascript", "JaVaScRiPt", " javascript", "data:text/html,", "vbscript")
HUNDRED = (
    *ATTACKS[:9],
    *(f'"><{holder} on{event}=window.pwned=1>' for holder, event in zip(_HOLDERS * 5, _EVENTS * 4, strict=True)),
    *(f"<{tag}>window.pwned=1</{tag}>" for tag in _WHOLE),
    *(f"</{tag}><script>window.pwned=1</script>" for tag in _ENDED),
    *(f"{scheme}:window.pwned=1" for scheme in _SCHEMES),
    *("<!--", "--><script>window.pwned=1</script>", "<![CDATA[", "]]>", "<?php", "<!doctype html>", "&lt;script&gt;"),
    *("{{ config }}", "{% include 'x' %}", "{# #}", "${7*7}", "#{7*7}", "%s%n%x", "\\u003cscript\\u003e", "%3Cb%3E"),
    *('=cmd|"/C calc"!A0', "@import url(//evil.test)", "url(javascript:1)", "expression(1)", "</style><b>"),
    *("' or 1=1 --", "`id`", "$(id)", "; rm -rf /", "../../etc/passwd", "\x00", "\x1b[31m", "\u202egnp.exe"),
    *("\U000e0001", "\ufffe", "e\u0301" * 400, "\u0489" * 300, "A" * 5000, "\U0001f9d1\u200d\U0001f4bb" * 50),
    "\u05d0\u05d1 abc \u05d2",
)  # fmt: skip
"""A hundred and more texts that attack whoever renders them."""


def everywhere(text: str) -> Assessment:
    """The assessment with one text in every field that is not ours, the people's notes left to `people`."""
    found = assessment()

    def instead(value: Any) -> Any:
        if value == HOSTILE:
            return text
        if isinstance(value, dict):
            return {instead(key): instead(held) for key, held in value.items()}
        return [instead(held) for held in value] if isinstance(value, list | tuple) else value

    return Assessment.model_validate_json(json.dumps(instead(found.model_dump(mode="json"))))
