"""The report in a browser: quiet, within its width and readable, at every width and in every scheme."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.report import render_report
from audit.result import AuditResult
from tests.audit.support.invented_audit import invented_result, six_digits
from tests.browser.pages import open_everything, open_page, violations

pytestmark = pytest.mark.browser

VIEWS = [(360, "light"), (390, "dark"), (768, "light"), (1280, "dark"), (1280, "light"), (1920, "light")]
ONE_OF_EACH = (
    "#questions details, #accuracy details, #outcomes > details, #outcome-denigration-crime-t, #F1 details"
)


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def report(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(result, {"command": "clip-audit run invented"}), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_opens_quietly_and_nothing_sticks_out(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, trouble = open_page(browser, report, width=width, scheme=scheme)
    open_everything(page)
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_first_screen_holds_the_verdict_and_the_overview(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report, width=1280)
    for selector in (".verdict .word", ".lead p:nth-child(2)", "#overview tbody tr:first-child a"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] < 800, selector
    page.close()


def test_every_cell_of_the_overview_leads_to_its_evidence(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report)
    targets = page.eval_on_selector_all("#overview a.cell", "(cells) => cells.map((a) => a.hash.slice(1))")
    assert len(targets) >= 8
    assert page.evaluate("(ids) => ids.every((id) => document.getElementById(id))", targets)
    found = page.locator("#overview a.explored, #overview a.confirmed").first
    target = found.get_attribute("href")
    found.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('{target} details').open")
    assert page.locator(f"{target} .evidence").is_visible()
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_serious_violation(browser: Any, report: Path, width: int, scheme: str) -> None:
    page, _ = open_page(browser, report, width=width, scheme=scheme)
    # One closed box of each kind; axe looks at every visible cell, and the tables are all alike.
    page.evaluate(f"document.querySelectorAll('{ONE_OF_EACH}').forEach((box) => {{ box.open = true; }})")
    assert violations(page) == []
    page.close()


def test_colours_follow_the_scheme(browser: Any, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page, _ = open_page(browser, report, scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert grounds == ["rgb(255, 255, 255)", "rgb(15, 20, 25)"]


def test_forced_colours_keep_the_marks(browser: Any, report: Path) -> None:
    page, trouble = open_page(browser, report, forced=True)
    assert trouble == []
    strokes = page.eval_on_selector_all(
        "#overview .span", "(marks) => marks.map((mark) => getComputedStyle(mark).stroke)"
    )
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert strokes
    assert ground not in strokes
    page.close()


def test_print_shows_the_evidence_and_no_control(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report)
    page.emulate_media(media="print")
    assert page.locator("#F1 .evidence").is_visible()
    assert page.locator("#findings .tools").is_hidden()
    assert page.locator("button.save >> visible=true").count() == 0
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    page.close()


def test_lettering_of_the_figures_is_legible_on_a_phone(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report, width=390)
    page.evaluate("document.querySelector('#accuracy > details').open = true")
    texts = "[...document.querySelectorAll('#accuracy svg.figure text')]"
    heights = page.evaluate(f"{texts}.map((text) => text.getBoundingClientRect().height)")
    assert len(heights) > 5
    assert min(heights) >= 9
    page.close()


def test_a_column_sorts_both_ways_by_number(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report)
    open_everything(page)
    table = page.locator("#outcome-denigration-crime-t table")
    button = table.locator("thead button", has_text="Count")
    place = table.locator("thead th").all_inner_texts().index(button.inner_text()) + 1

    def column() -> list[int]:
        texts = table.locator(f"tbody tr > *:nth-child({place})").all_inner_texts()
        return [int(text.replace(",", "")) for text in texts]

    button.click()
    assert column() == sorted(column())
    button.click()
    assert column() == sorted(column(), reverse=True)
    assert table.locator("th[aria-sort='descending']").count() == 1
    page.close()


def test_findings_sort_with_their_evidence_and_filter(
    browser: Any, report: Path, result: AuditResult
) -> None:
    page, _ = open_page(browser, report)
    table = page.locator("#findings table")
    table.locator("thead button", has_text="Difference").click()
    ids = table.locator("tbody").evaluate_all("(bodies) => bodies.map((body) => body.id)")
    by_size = result.findings.sort_values("difference", kind="stable")
    assert ids[0] == by_size["id"].iloc[0]
    assert ids[-1] == by_size["id"].iloc[-1]
    page.select_option("#findings-probe", "denigration")
    visible = table.locator("tbody >> visible=true").count()
    assert visible == (result.findings["probe"] == "denigration").sum()
    page.fill("#findings-search", "no such group")
    assert page.locator("#findings-count").inner_text() == f"0 of {len(result.findings)} shown"
    page.close()


def test_a_table_and_a_figure_are_saved(browser: Any, report: Path, tmp_path: Path) -> None:
    page, _ = open_page(browser, report)
    open_everything(page)
    with page.expect_download() as csv:
        page.locator("#findings button.save").first.click()
    csv.value.save_as(tmp_path / "findings.csv")
    assert (tmp_path / "findings.csv").read_text(encoding="utf-8").startswith("Id,Question,")
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as figure:
            page.locator("#accuracy figure button.save", has_text=kind).first.click()
        figure.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(start)
    page.close()


def test_a_link_to_a_closed_table_opens_it(browser: Any, report: Path) -> None:
    page, _ = open_page(browser, report, anchor="#outcome-denigration-crime-t")
    page.wait_for_function("document.getElementById('outcome-denigration-crime-t').open")
    assert page.locator("#outcomes > details").get_attribute("open") is not None
    page.close()


def test_the_download_holds_the_rows_of_audit_json(
    browser: Any, report: Path, result: AuditResult, tmp_path: Path
) -> None:
    page, _ = open_page(browser, report)
    open_everything(page)
    with page.expect_download() as download:
        page.locator("#downloads button").click()
    download.value.save_as(tmp_path / "tables.json")
    tables = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))
    rows = [six_digits(row) for row in json.loads(result.to_json())["rates"]]
    assert tables["rates"] == [{name: row[name] for name in tables["rates"][0]} for row in rows]
    page.close()


def test_it_reads_without_scripts(browser: Any, report: Path) -> None:
    page, trouble = open_page(browser, report, scripts=False)
    assert trouble == []
    assert page.locator("#overview").is_visible()
    assert page.locator("#explore").is_hidden()
    assert page.locator("#findings .tools").is_hidden()
    page.locator("#F1 summary").click()
    assert page.locator("#F1 .evidence").is_visible()
    page.close()
