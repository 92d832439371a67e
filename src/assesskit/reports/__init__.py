"""Reports: an assessment in full, on one page, as Markdown, and several of them compared."""

from __future__ import annotations

from assesskit.reports.comparison import comparison
from assesskit.reports.pages import html, markdown, one_page

__all__ = ["comparison", "html", "markdown", "one_page"]
