"""The tables on spread, composition and strata, in the report as in the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit import formatting as fmt
from audit.report import render_report
from audit.report.section import ReportContext
from audit.report.sections.other_group_tables import View, build
from audit.result import AuditResult
from tests.audit.support.invented_audit import invented_records, invented_result

SPREAD, COMPOSITION = "How much rates vary between groups", "Composition of the images with an outcome"
EQUAL = "Stratified differences"


def views_of(result: AuditResult) -> dict[str, View]:
    return {view.title: view for view in build(ReportContext(result=result))}


def rows_of(view: View) -> list[dict[str, str]]:
    """Rows by column; later columns of one name get a number."""
    names: list[str] = []
    for column in view.table.columns:
        again = sum(name.split(" #")[0] == column.label for name in names)
        names.append(f"{column.label} #{again + 1}" if again else column.label)
    return [dict(zip(names, row, strict=True)) for row in view.table.rows]


def controlled_result() -> AuditResult:
    """The invented audit, its question on harm controlled for gender."""
    records = invented_records()
    probes = [probe | ({"control": ["gender"]} if probe["name"] == "denigration" else {})
              for probe in records.manifest["probes"]]  # fmt: skip
    return AuditResult.from_records(replace(records, manifest=records.manifest | {"probes": probes}))


def test_the_spread_is_that_of_the_table() -> None:
    result = invented_result()
    rows = rows_of(views_of(result)[SPREAD])
    shown = next(r for r in rows if r["Outcome"] == "Denigration, harm" and r["By"] == "skin tone")
    table = result.variation.query(
        "probe == 'denigration' and outcome == 'harm' and by == 'skin_tone' and design == 'default'"
        " and rule == 'argmax'"
    ).iloc[0]
    assert shown["Corrected"] == f"{100 * table['sd']:.1f}"
    assert shown["95 % interval"] == f"{100 * table['sd_low']:.1f} to {100 * table['sd_high']:.1f}"
    assert shown["Highest"] == f"dark, {fmt.percent(table['highest_rate'])}"
    assert shown["p"] == fmt.p_value(table["p"])
    assert "split" not in {row["By"] for row in rows}


def test_the_composition_sums_to_all_events_and_is_not_the_rate() -> None:
    result = invented_result()
    rows = [
        row
        for row in rows_of(views_of(result)[COMPOSITION])
        if row["Outcome"] == "Denigration, harm" and row["By"] == "skin tone"
    ]
    assert sum(int(row["Of this group"]) for row in rows) == int(rows[0]["Images with it"])
    dark = next(row for row in rows if row["Group"] == "dark")
    share = int(dark["Of this group"]) / int(dark["Images with it"])
    assert dark["Share of them"] == fmt.percent(share)
    rate = result.rates.query(
        "probe == 'denigration' and outcome == 'harm' and skin_tone == 'dark' and gender == '(all)'"
        " and design == 'default' and rule == 'argmax'"
    )["rate"].iloc[0]
    assert dark["Share of them"] != fmt.percent(rate)
    assert float(dark["Ratio of the shares"]) > 1


def test_strata_are_shown_if_a_suite_asks_for_it() -> None:
    result = controlled_result()
    rows = rows_of(views_of(result)[EQUAL])
    table = result.controlled.query("outcome == 'harm' and design == 'default' and rule == 'argmax'")
    own = [row for row in rows if row["Outcome"] == "Denigration, harm"]
    assert len(own) == len(table) > 0
    for row, numbers in zip(own, table.to_dict("records"), strict=True):
        assert row["Stratified by"] == "gender"
        assert row["Stratified, points"] == fmt.points(numbers["difference"])
        assert row["Standardised, points"] == fmt.points(numbers["standardised"])
        assert row["Adjusted p"] == fmt.p_value(numbers["p_adjusted"])
    assert f"<h3>{EQUAL}</h3>" in render_report(result)


def test_empty_tables_have_no_view() -> None:
    result = invented_result()
    assert set(views_of(result)) == {SPREAD, COMPOSITION}
    assert f"<h3>{EQUAL}</h3>" not in render_report(result)
    without = replace(
        result, variation=result.variation.iloc[:0], composition=result.composition.iloc[:0]
    )  # fmt: skip
    assert views_of(without) == {}
    assert 'id="views"' not in render_report(without)


def test_what_has_no_number_is_a_dash() -> None:
    result = invented_result()
    empty = result.variation.assign(sd_low=np.nan, sd_high=np.nan, lowest="", highest="", lowest_rate=np.nan)
    row = rows_of(views_of(replace(result, variation=empty))[SPREAD])[0]
    assert row["95 % interval"] == row["Lowest"] == row["Highest"] == fmt.MISSING
