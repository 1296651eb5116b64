"""The report in a browser: nothing asked for and nothing sticking out, at two widths and in both schemes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.report import render_report
from audit.result import AuditResult
from tests.audit.support.invented_audit import invented_result, six_digits

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
SERIOUS = {"serious", "critical"}
TIMEOUT_MS = 120_000
ONE_OF_EACH = "#questions details, #accuracy details, #outcome-denigration-crime-t, #method details"


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def report(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(result, {"command": "clip-audit run invented"}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=TIMEOUT_MS)
        yield found
        found.close()


def _open(
    browser: Any, report: Path, *, width: int, scheme: str, scripts: bool = True
) -> tuple[Any, list[str]]:
    """The page, and everything that went wrong or was asked for while it loaded."""
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts
    )
    page.set_default_timeout(TIMEOUT_MS)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url))
    page.goto(report.as_uri())
    return page, [entry for entry in trouble if entry not in {report.as_uri(), "data:,"}]


def opened_quietly(browser: Any, report: Path, *, width: int, scheme: str) -> Any:
    """The page with every box open, after checking that it asks for nothing and nothing sticks out."""
    page, trouble = _open(browser, report, width=width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    return page


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_opens_quietly_and_nothing_sticks_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    opened_quietly(browser, report, width=width, scheme=scheme).close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_serious_violation(browser: Any, report: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page, _ = _open(browser, report, width=width, scheme=scheme)
    # One closed box of each kind; axe looks at every visible cell, and the tables are all alike.
    page.evaluate(f"document.querySelectorAll('{ONE_OF_EACH}').forEach((box) => {{ box.open = true; }})")
    violations = axe.Axe().run(page).response["violations"]
    serious = [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in SERIOUS]
    assert serious == []
    page.close()


def test_colours_follow_the_scheme(browser: Any, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page, _ = _open(browser, report, width=1280, scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert grounds == ["rgb(255, 255, 255)", "rgb(15, 20, 25)"]


def test_lettering_of_the_figures_is_legible_on_a_phone(browser: Any, report: Path) -> None:
    page, _ = _open(browser, report, width=390, scheme="light")
    texts = "[...document.querySelectorAll('#accuracy svg.figure text')]"
    heights = page.evaluate(f"{texts}.map((text) => text.getBoundingClientRect().height)")
    assert len(heights) > 5
    assert min(heights) >= 9
    page.close()


def test_a_column_sorts_both_ways_by_number(browser: Any, report: Path) -> None:
    page, _ = _open(browser, report, width=1280, scheme="light")
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    table = page.locator("#outcome-denigration-crime-t table")
    button = table.locator("thead button", has_text="Count")

    def column() -> list[int]:
        return [
            int(text.replace(",", "")) for text in table.locator("tbody td:nth-child(3)").all_inner_texts()
        ]

    button.click()
    assert column() == sorted(column())
    button.click()
    assert column() == sorted(column(), reverse=True)
    assert table.locator("th[aria-sort='descending']").count() == 1
    page.close()


def test_a_link_to_a_closed_table_opens_it(browser: Any, report: Path) -> None:
    page, _ = _open(browser, report, width=1280, scheme="light")
    box = page.locator("details#outcome-denigration-crime-t")
    assert box.get_attribute("open") is None
    page.locator("a[href='#outcome-denigration-crime-t']").first.click()
    page.wait_for_function("document.getElementById('outcome-denigration-crime-t').open")
    page.close()


def test_the_download_holds_the_rows_of_audit_json(
    browser: Any, report: Path, result: AuditResult, tmp_path: Path
) -> None:
    page, _ = _open(browser, report, width=1280, scheme="light")
    with page.expect_download() as download:
        page.locator("#downloads button").click()
    download.value.save_as(tmp_path / "tables.json")
    tables = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))
    assert tables["rates"] == [six_digits(row) for row in json.loads(result.to_json())["rates"]]
    page.close()


def test_it_reads_without_scripts(browser: Any, report: Path) -> None:
    page, trouble = _open(browser, report, width=1280, scheme="light", scripts=False)
    assert trouble == []
    assert page.locator("h2", has_text="What this audit found").is_visible()
    assert page.locator("#downloads").is_hidden()
    page.close()
