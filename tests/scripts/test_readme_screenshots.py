"""The screenshots of README are of the sizes that it names, and are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from scripts.readme_screenshots import FOLDER, SIZES
from tests.browser.pages import CHROMIUM


@pytest.mark.browser
def test_each_screenshot_is_a_first_screen(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    page = tmp_path / "report.html"
    page.write_text("<!doctype html><body style='background:#123456;height:5000px'>", encoding="utf-8")
    # In a process of its own: the browser tests of this one may hold a driver open.
    command = [sys.executable, "-m", "scripts.readme_screenshots", str(page), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files = done.stdout.split()
    assert [Image.open(file).size for file in files] == list(SIZES.values())
    assert Image.open(files[0]).convert("RGB").getpixel((5, 700)) == (0x12, 0x34, 0x56)


def test_the_committed_screenshots_have_these_sizes() -> None:
    for name, size in SIZES.items():
        assert Image.open(FOLDER / f"report-{name}.png").size == size


def test_a_missing_report_is_named() -> None:
    command = [sys.executable, "-m", "scripts.readme_screenshots", "nowhere.html"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "nowhere.html: no such file" in done.stderr
