"""The explorer in a browser: its numbers are those of the audit, and a link opens the same view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import pytest

from audit import formatting as fmt
from audit.report import render_report
from audit.result import AuditResult
from audit.statistics.proportion.intervals import newcombe
from tests.audit.support.invented_audit import invented_result
from tests.browser.pages import open_page

pytestmark = pytest.mark.browser
VIEW = {
    "probe": "denigration",
    "outcome": "crime",
    "design": "default",
    "template": "plain",
    "by": "skin_tone",
}


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def report(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explorer") / "report.html"
    path.write_text(render_report(result), encoding="utf-8")
    return path


def opened(browser: Any, report: Path, **view: str) -> Any:
    page, trouble = open_page(browser, report, anchor=f"#explore?{urlencode(VIEW | view)}")
    assert trouble == []
    return page


def shown(page: Any) -> dict[str, list[str]]:
    """Cells by group: n, count, rate, interval, reference, gap, interval, p."""
    rows = page.locator("#explore-rows tr").all()
    cells = [
        [text.replace("\N{NO-BREAK SPACE}", " ") for text in row.locator("th, td").all_inner_texts()]
        for row in rows
    ]
    return {row[0]: [row[at] for at in (1, 2, 3, 5, 6, 7, 9, 10)] for row in cells}


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def of_audit(
    table: pd.DataFrame, *, rule: str, threshold: float | None = None, design: str = "default"
) -> pd.DataFrame:
    own = table[(table["probe"] == "denigration") & (table["outcome"] == "crime") & (table["rule"] == rule)]
    own = own[(own["design"] == design) & (own["gender"] == "(all)") & (own["skin_tone"] != "(all)")]
    return own if threshold is None else own[(own["threshold"] - threshold).abs() < 1e-9]


def expected(result: AuditResult, **asked: Any) -> dict[str, list[str]]:
    gaps = of_audit(result.gaps, **asked).set_index("group")
    found = {}
    for row in of_audit(result.rates, **asked).to_dict("records"):
        cells = [fmt.integer(row["n"]), fmt.integer(row["count"]), fmt.percent(row["rate"]),
                 fmt.percent_interval(row["low"], row["high"])]  # fmt: skip
        if row["skin_tone"] in gaps.index:
            gap = gaps.loc[row["skin_tone"]]
            interval = fmt.points_interval(gap["difference_low"], gap["difference_high"])
            cells += [fmt.words(gap["reference"]), fmt.points(gap["difference"]), interval,
                      fmt.p_value(gap["p_adjusted"])]  # fmt: skip
        else:
            cells += ["–"] * 4
        found[fmt.words(row["skin_tone"])] = [plain(text) for text in cells]
    return found


def test_the_switches_show_the_numbers_of_the_audit(browser: Any, report: Path, result: AuditResult) -> None:
    page = opened(browser, report)
    assert shown(page) == expected(result, rule="argmax")
    page.select_option("#explore-design", "with_child")
    assert shown(page) == expected(result, rule="argmax", design="with_child")
    page.close()


def test_the_slider_shows_the_numbers_of_the_audit_at_its_thresholds(
    browser: Any, report: Path, result: AuditResult
) -> None:
    page = opened(browser, report, threshold="0.2")
    assert page.locator("#explore-threshold").get_attribute("type") == "range"
    assert shown(page) == expected(result, rule="probability", threshold=0.2)
    page.close()


def test_the_slider_moves_by_key_and_shows_the_curve_between(
    browser: Any, report: Path, result: AuditResult
) -> None:
    page = opened(browser, report, threshold="0.2")
    page.locator("#explore-threshold").focus()
    page.keyboard.press("ArrowRight")
    # The curve of the invented audit has a point every 0.05.
    assert page.locator("#explore-said").inner_text() == "0.25"
    curve = of_audit(result.curves, rule="probability", threshold=0.25).set_index("skin_tone")
    rows = shown(page)
    for group, row in curve.iterrows():
        wanted = [fmt.integer(row["n"]), fmt.integer(row["count"]), fmt.percent(row["rate"]),
                  fmt.percent_interval(row["low"], row["high"])]  # fmt: skip
        assert rows[fmt.words(group)][:4] == [plain(text) for text in wanted]
    dark, light = curve.loc["dark"], curve.loc["light"]
    low, high = newcombe(dark["count"], dark["n"], light["count"], light["n"])
    assert rows["dark"][4:7] == [
        "light",
        fmt.points(dark["rate"] - light["rate"]),
        fmt.points_interval(low, high),
    ]
    page.close()


def test_between_thresholds_the_larger_design_effect_of_the_neighbours_counts(
    browser: Any, result: AuditResult, tmp_path: Path
) -> None:
    """Light: 3 at 0.2, 1 at 0.5; dark: 2 and 1.5. Between them 3, beyond 0.5 the larger of 1 and 1.5."""
    rates = result.rates.copy()
    known = {("light", 0.2): 3.0, ("light", 0.5): 1.0, ("dark", 0.2): 2.0, ("dark", 0.5): 1.5}
    for (tone, threshold), effect in known.items():
        rates.loc[(rates["skin_tone"] == tone) & (rates["threshold"] == threshold), "design_effect"] = effect
    path = tmp_path / "clustered.html"
    path.write_text(render_report(replace(result, rates=rates)), encoding="utf-8")
    for threshold, effect in ((0.25, 3.0), (0.75, 1.5)):
        page = opened(browser, path, threshold=str(threshold))
        curve = of_audit(result.curves, rule="probability", threshold=threshold).set_index("skin_tone")
        dark, light = curve.loc["dark"], curve.loc["light"]
        # Newcombe's interval of counts over the design effect, the larger of both sides.
        sides = (dark["count"] / effect, dark["n"] / effect, light["count"] / effect, light["n"] / effect)
        assert shown(page)["dark"][6] == plain(fmt.points_interval(*newcombe(*sides)))
        assert "the larger of its neighbours" in page.locator("#explore-note").inner_text()
        page.close()


def test_another_reference_is_computed_from_the_counts(
    browser: Any, report: Path, result: AuditResult
) -> None:
    page = opened(browser, report)
    page.select_option("#explore-reference", "dark")
    rates = of_audit(result.rates, rule="argmax").set_index("skin_tone")
    light, dark = rates.loc["light"], rates.loc["dark"]
    assert shown(page)["light"][4:6] == ["dark", fmt.points(light["rate"] - dark["rate"])]
    assert "computed here" in page.locator("#explore-note").inner_text()
    page.close()


def test_the_address_reproduces_the_view(browser: Any, report: Path) -> None:
    page = opened(browser, report)
    page.select_option("#explore-by", "gender")
    page.locator("#explore-scores").check()
    page.locator("#explore-threshold").focus()
    page.keyboard.press("ArrowLeft")
    before, address = shown(page), page.url
    page.close()
    again, _ = open_page(browser, report, anchor="#" + address.partition("#")[2])
    assert shown(again) == before
    assert set(before) == {"man", "person", "woman"}
    again.close()


def test_brushing_names_the_specifications(browser: Any, report: Path, result: AuditResult) -> None:
    page = opened(browser, report, group="dark")
    gaps = result.gaps.query(
        "probe == 'denigration' and outcome == 'crime' and by == 'skin_tone' and group == 'dark'"
    )
    every = page.locator("#explore-brushed").inner_text()
    assert f"{len(gaps)} of {len(gaps)} specifications" in every
    page.locator("#brush-to").focus()
    for _ in range(len(gaps) - 1):
        page.keyboard.press("ArrowLeft")
    smallest = gaps.sort_values("difference").iloc[0]
    one = page.locator("#explore-brushed").inner_text()
    assert f"1 of {len(gaps)} specifications, {fmt.points(smallest['difference'])} to" in one
    page.close()
