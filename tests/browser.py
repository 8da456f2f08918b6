"""A real browser for the tests of pages, and what is asked of every page: it is accessible."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["CHROMIUM", "PATIENCE_MS", "in_browser", "open_browser", "serious_violations"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

PATIENCE_MS = 120_000
"""Of the browser: other tests may run on the same cores."""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Chromium, headless; skips the test where Playwright is not installed."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright drives the browser: extra `dev`"
    )
    with playwright.sync_playwright() as driver:
        # The tests may run as root in a container, where Chromium has no sandbox.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield browser
        browser.close()


def serious_violations(page: Any) -> list[tuple[str, str]]:
    """What axe-core calls serious or critical: the rule, and the beginning of the element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core: extra `dev`")
    return [
        (rule["id"], node["html"][:200])
        for rule in axe.Axe().run(page).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
