"""Reports: an assessment as one self-contained page, as Markdown, and several laid side by side."""

from __future__ import annotations

from assesskit.reports.pages import html, markdown, summary

__all__ = ["html", "markdown", "summary"]
