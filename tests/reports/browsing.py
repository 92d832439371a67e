"""A Chromium, and what tests look at in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str | None:
    """The browser to use: the one CHROMIUM names, else what is on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser; without one the test is skipped, or fails if ASSESSKIT_REQUIRE_BROWSER=1."""
    path = chromium()
    if path is None:
        missing = "no Chromium: set CHROMIUM or install chromium"
        (pytest.fail if os.environ.get("ASSESSKIT_REQUIRE_BROWSER") == "1" else pytest.skip)(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def listened(page: Page) -> list[str]:
    """What the page says, asks and wants from now on; a page that only shows things does none of it."""
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.on("request", lambda request: noise.append(request.url))
    page.on("popup", lambda popup: noise.append(popup.url))
    return noise
