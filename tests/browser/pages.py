"""A page in Chromium for the tests: opened quietly, at any width and in any scheme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TIMEOUT_MS = 120_000
SERIOUS = {"serious", "critical"}


def launched() -> Iterator[Any]:
    """Chromium; the test is skipped where it or playwright is missing."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=TIMEOUT_MS)
        yield found
        found.close()


def open_page(
    browser: Any,
    report: Path,
    *,
    width: int = 1280,
    scheme: str = "light",
    scripts: bool = True,
    forced: bool = False,
    anchor: str = "",
) -> tuple[Any, list[str]]:
    """The page, and everything that went wrong or was requested while it loaded."""
    page = browser.new_page(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        java_script_enabled=scripts,
        forced_colors="active" if forced else "none",
    )
    page.set_default_timeout(TIMEOUT_MS)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url.partition("#")[0]))
    page.goto(report.as_uri() + anchor)
    return page, [entry for entry in trouble if entry not in {report.as_uri(), "data:,"}]


def open_everything(page: Any) -> None:
    """Unfold every part of a page."""
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")


def violations(page: Any) -> list[tuple[str, str]]:
    """Serious violations that axe finds, each with the first element concerned."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS]
