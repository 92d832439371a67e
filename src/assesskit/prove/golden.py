"""Golden texts: what a candidate would read about a wrong program, free of what differs between two runs."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from assesskit.model import Assessment

NORMAL: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "<hex>"),
    (re.compile(r"\b[A-Z]+(-[A-Z]+)*(-\d+)?-[0-9A-Z]{6,}\b"), "<name>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.,]*\d(Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8} [+-]\d{4}"), "<time>"),
    (re.compile(r'(?<="duration_ms": )\d+(\.\d+)?'), "<n>"),
    (re.compile(r"(?<=[+-])\d+\.\d+"), "<n>"),
    (re.compile(r"(?<=Allow: ).+"), lambda found: ", ".join(sorted(found[0].split(", ")))),
    (re.compile(r'(?<=cursor": )"[^"]*"'), '"<cursor>"'),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"(?<=\bport=)\d+"), "<port>"),
    (re.compile(r"\b\d+(\.\d+)?(?= (ms|s|millisecond|second|kB|MB|%)\b)"), "<n>"),
    (re.compile(r"(?m)\S.* … \((\d+|<n>) bytes\)$"), "… (<n> bytes)"),
    (re.compile(r"\b\d+(\.\d+)?(?=%| answers a second| things were made| of them)"), "<n>"),
)
"""What differs between two runs of the same program, and what stands for it in a golden text.

A line that is cut stands for itself in none: where it ends depends on what was made up, and on the words of a variant.
"""


def feedback_text(assessment: Assessment) -> str:
    """Return what a candidate reads about each criterion that is not met."""
    parts = []
    for result in assessment.results:
        if result.verdict == "not_met":
            failed = next((seen for seen in result.observations if seen.outcome == "failed"), None)
            lines = [f"{result.criterion.id}: {failed.summary if failed else result.reason}"]
            if failed:
                lines += [textwrap.indent(f"{word}: {text}", "  ") for word, text in failed.told().items()]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def normal(text: str) -> str:
    """Return `text` with everything that differs between two runs of the same program replaced."""
    for pattern, stand_in in NORMAL:
        text = pattern.sub(stand_in, text)
    return text


def different(golden: Path, feedback: str) -> Iterator[str]:
    """Say how a feedback differs from its golden text."""
    if not golden.is_file():
        yield f"no golden text: {golden.name} (run `assesskit prove --bless` and read what it writes)"
    elif (expected := golden.read_text(encoding="utf-8")) != feedback:
        lines = difflib.unified_diff(expected.splitlines(), feedback.splitlines(), golden.name, "this run", lineterm="")
        yield "the feedback differs from its golden text:\n" + "\n".join(lines)
