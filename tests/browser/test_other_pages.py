"""The index of a folder of runs, several runs on one page and a mitigation study, in a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit.mitigation.mitigation_tables import COST_COLUMNS, MITIGATION_COLUMNS, cost_frame
from audit.report.html import fill_template, frames_as_json
from audit.report.runs_index import IndexedRun, render_index
from audit.report.sections.mitigation import mitigation_page
from audit.report.several import render_several
from tests.audit.support.invented_audit import invented_result
from tests.browser.pages import open_everything, open_page, violations

pytestmark = pytest.mark.browser
PAGES = ("index", "several", "mitigation")
VIEWS = [(360, "light"), (768, "dark"), (1280, "light")]


def _index() -> str:
    """Twelve releases of one suite, and a run of another whose name is long and holds markup."""
    result, name = invented_result(), "a-folder-with-a-very-long-name-" * 3 + "<b>"
    suite = {**result.manifest["suite"], "name": "another_suite_with_a_long_name_that_cannot_be_broken"}
    other = replace(result, manifest={**result.manifest, "suite": suite})  # type: ignore[arg-type]
    runs = [
        IndexedRun(name=f"release-{month}", result=result, started=f"2026-{month:02}-01T10:00:00+00:00")
        for month in range(1, 13)
    ]
    return render_index([*runs, IndexedRun(name=name, result=other, href="x/report.html")])


def _several() -> str:
    names = [f"model {place}" for place in range(1, 5)] + ["organisation/a-model-with-a-long-name-0123456789"]
    return render_several({name: invented_result(place % 2) for place, name in enumerate(names)})


def _mitigation() -> str:
    gap = dict.fromkeys(MITIGATION_COLUMNS, "x") | {
        "probe": "a_question_with_a_long_name", "outcome": "misclassified", "by": "skin_tone x gender",
        "group": "medium-light x person", "reference": "the rest", "rule": "argmax", "threshold": None,
        "n_group": 1234, "clusters_group": 200, "n_reference": 22_222, "clusters_reference": 2000,
        "before": 0.2, "after": 0.1, "change": -0.1, "low": -0.2, "high": 0.0, "p_adjusted": 0.01,
        "effect": "narrower",
    }  # fmt: skip
    cost = dict.fromkeys(COST_COLUMNS, 0.5) | {
        "attribute": "skin_tone", "note": "", "n": 10, "clusters": 10, "utility_low": -0.05,
        "utility_high": 0.01, "leakage_after": 0.6,
    }  # fmt: skip
    methods = ("none", "random", "leace", "class_design", "bend_vlm", "fairer_clip")
    costs = cost_frame(
        [
            cost | {"method": name, "utility_change": 0.01 * place, "widest_gap_after": 0.4 - 0.05 * place}
            for place, name in enumerate(methods)
        ]
    )
    gaps = pd.DataFrame([gap | {"method": name, "p_adjusted": p} for name in methods for p in (0.01, 0.5)])
    about = {"suite": "quickstart", "model": "tiny", "data": "Emoji of people", "attribute": "skin_tone",
             "fitted": 1200, "measured": 1610}  # fmt: skip
    told = {name: {"about": "Removes a direction.", "source": "A source, 2024"} for name in methods}
    page = mitigation_page(gaps, costs, about=about, methods=told)
    return fill_template("mitigation.html.j2", page, data=frames_as_json({"mitigation": gaps, "cost": costs}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, render in zip(PAGES, (_index, _several, _mitigation), strict=True):
        (folder / f"{name}.html").write_text(render(), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_it_opens_quietly_and_nothing_sticks_out(
    browser: Any, folder: Path, name: str, width: int, scheme: str
) -> None:
    page, trouble = open_page(browser, folder / f"{name}.html", width=width, scheme=scheme)
    open_everything(page)
    assert trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_violation(
    browser: Any, folder: Path, name: str, width: int, scheme: str
) -> None:
    page, _ = open_page(browser, folder / f"{name}.html", width=width, scheme=scheme)
    open_everything(page)
    assert violations(page) == []
    page.close()


def test_the_search_field_of_the_index_hides_the_other_runs(browser: Any, folder: Path) -> None:
    page, _ = open_page(browser, folder / "index.html")
    page.fill("#search", "release-12")
    assert page.locator("#runs tbody tr:visible").count() == 1
    assert page.locator("#shown").inner_text() == "1 of 13 shown"
    page.close()


def test_a_figure_is_saved_as_it_is_shown(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Labels keep their anchor and colours are plain: the file needs no style sheet."""
    page, _ = open_page(browser, folder / "mitigation.html", scheme="dark")
    open_everything(page)
    with page.expect_download() as found:
        page.locator("button.save", has_text="SVG").first.click()
    found.value.save_as(tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert 'text-anchor="end"' in text and "var(" not in text and "rgb(" in text
    page.close()
