"""Take the screenshots of a report's first screen that README shows: on a desktop and on a phone.

`python -m scripts.readme_screenshots runs/quickstart/report.html` writes docs/images/report-desktop.png and
report-phone.png. It needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
FOLDER = Path(__file__).parents[1] / "docs" / "images"


def take(report: Path, folder: Path) -> list[Path]:
    """Write an image of the first screen at each size of `SIZES`; return the files."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    files = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            page.set_default_timeout(120_000)
            page.goto(report.absolute().as_uri())
            files.append(folder / f"report-{name}.png")
            page.screenshot(path=files[-1])
            page.close()
        browser.close()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    if not options.report.is_file():
        sys.exit(f"{options.report}: no such file; make it with clip-audit run quickstart")
    for file in take(options.report, options.out):
        print(file)


if __name__ == "__main__":
    main()
