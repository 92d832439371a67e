"""Makes text that others wrote harmless: what cannot be seen is shown, what is too long is cut and says so."""

from __future__ import annotations

import re

from markupsafe import Markup

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = (0x00AD, 0x200B, *range(0x2028, 0x202A), *range(0x2060, 0x2066), 0xFEFF, *range(0xE0000, 0xE0080))
_CONTROL = (*(code for code in range(0x20) if chr(code) not in "\n\t"), *range(0x7F, 0xA0), *range(0xD800, 0xE000))
_VISIBLE = {code: f"⟨U+{code:04X}⟩" for code in (*_CONTROL, *_BIDI, *_INVISIBLE)}

_MARKDOWN = {ord(mark): f"\\{mark}" for mark in "\\`*_[]#|~!"} | {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;"}
_AUTOLINK = re.compile(r"(?<=[A-Za-z])(://)|(?<=\bwww)(\.)")


def visible(value: object) -> object:
    """Text with every control, bidirectional and invisible character shown by name; anything but text as it is.

    Markup stays markup: the replacements hold nothing that HTML would read.
    """
    if value is None:
        return ""
    return value.replace("\r\n", "\n").translate(_VISIBLE) if isinstance(value, str) else value


def excerpt(text: str, limit: int = 4000) -> str:
    """The first `limit` characters, and how many more the record holds."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} more characters in assessment.json"


def brief(text: str, limit: int) -> str:
    """The first `limit` characters on one line; for a page that leads to the whole text."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit].rstrip()}…"


def tail(text: str, limit: int = 8000) -> str:
    """The last `limit` characters, and how many the record holds before them; for logs, whose end says why."""
    if len(text) <= limit:
        return text
    return f"{len(text) - limit:,} more characters in assessment.json …\n{text[-limit:]}"


def in_markdown(value: object) -> object:
    """Text as one line that Markdown shows literally: no link, no emphasis, no HTML, no new block.

    A `Markup` is taken to be Markdown already.
    """
    seen = visible(value)
    if isinstance(seen, Markup) or not isinstance(seen, str):
        return seen
    escaped = " ".join(seen.split()).translate(_MARKDOWN)
    return _AUTOLINK.sub(lambda match: "".join(f"\\{mark}" for mark in match.group()), escaped)


def code_block(text: str) -> Markup:
    """Text as an indented code block, the one kind nothing inside it can end."""
    lines = str(visible(text)).split("\n")
    return Markup("\n".join(f"    {line}" for line in lines))  # noqa: S704  indented lines are inert in Markdown
