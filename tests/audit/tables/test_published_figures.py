"""Published figures find the results that answer the same question, and only those."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from audit.report.sections.published import published_of
from audit.result import AuditResult
from audit.tables.published_figures import published_table
from tests.audit.support.invented_audit import invented_result

NOTHING: dict[str, Any] = {"probe": "", "outcome": "", "design": "", "group": {}}


def counterpart(**values: Any) -> dict[str, Any]:
    return {**NOTHING, **values}


def table(**values: Any) -> dict[str, Any]:
    return {
        "table": "1",
        "title": "A table",
        "note": "",
        "counterpart": NOTHING,
        "columns": [],
        "rows": [],
        **values,
    }


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def figures(result: AuditResult, *tables: dict[str, Any]) -> pd.DataFrame:
    manifest = {**result.manifest, "published": published(*tables)}
    return published_table(manifest, accuracy=result.accuracy, rates=result.rates)


def published(*tables: dict[str, Any]) -> dict[str, Any]:
    return {"title": "Figures", "source": "a paper", "note": "References.", "tables": list(tables)}


ACCURACY = table(
    counterpart=counterpart(probe="occupation"),
    columns=[
        {"name": "all", "counterpart": NOTHING},
        {"name": "dark", "counterpart": counterpart(group={"skin_tone": "dark"})},
    ],
    rows=[
        {"name": "zero-shot", "values": [90.0, 80.0], "counterpart": NOTHING},
        {"name": "another", "values": [70.0, None], "counterpart": None},
    ],
)
HARM = table(
    table="2",
    counterpart=counterpart(probe="denigration", design="with_child"),
    columns=[{"name": "women", "counterpart": counterpart(group={"gender": "woman"})}],
    rows=[{"name": "crime", "values": [10.0], "counterpart": counterpart(outcome="crime")}],
)


def test_accuracy_stands_beside_the_figure_it_answers(result: AuditResult) -> None:
    found = figures(result, ACCURACY)
    assert found["reference"].tolist()[:3] == [0.9, 0.8, 0.7]
    own = result.accuracy[result.accuracy["probe"] == "occupation"]
    everyone = own[(own[["split", "skin_tone", "gender"]] == "(all)").all(axis=1)].iloc[0]
    dark = own[(own["skin_tone"] == "dark") & (own[["split", "gender"]] == "(all)").all(axis=1)].iloc[0]
    assert found["value"].tolist()[:2] == [everyone["rate"], dark["rate"]]
    assert found["low"].tolist()[:2] == [everyone["low"], dark["low"]]


def test_a_figure_of_another_method_has_no_counterpart(result: AuditResult) -> None:
    found = figures(result, ACCURACY)
    assert found["value"].isna().tolist()[2:] == [True, True]
    assert math.isnan(found["reference"].iloc[3])


def test_an_outcome_is_taken_under_the_design_that_is_asked_for(result: AuditResult) -> None:
    found = figures(result, HARM)["value"].iloc[0]
    rates = result.rates.query(
        "probe == 'denigration' and outcome == 'crime' and design == 'with_child' and rule == 'argmax' "
        "and gender == 'woman' and skin_tone == '(all)' and split == '(all)'"
    )
    assert found == rates["rate"].iloc[0]


@pytest.mark.parametrize("probe", ["unknown", ""])
def test_a_probe_that_is_not_there_gives_no_value(result: AuditResult, probe: str) -> None:
    assert figures(result, {**ACCURACY, "counterpart": counterpart(probe=probe)})["value"].isna().all()


def test_a_group_that_was_not_split_by_gives_no_value(result: AuditResult) -> None:
    columns = [{"name": "x", "counterpart": counterpart(group={"race": "x"})}]
    row = {"name": "zero-shot", "values": [90.0], "counterpart": NOTHING}
    assert figures(result, {**ACCURACY, "columns": columns, "rows": [row]})["value"].isna().all()


def test_without_references_there_is_no_section(result: AuditResult) -> None:
    assert published_table(result.manifest, accuracy=result.accuracy, rates=result.rates).empty
    assert published_of(pd.DataFrame(), manifest={"published": None}) is None


def test_the_section_sets_results_under_the_figures(result: AuditResult) -> None:
    found = figures(result, ACCURACY, HARM)
    section = published_of(found, manifest={"published": published(ACCURACY, HARM)})
    assert section is not None
    first = section.tables[0][0]
    assert [row[0] for row in first.rows] == ["published: zero-shot", "here: zero-shot", "published: another"]
    assert first.rows[0][1] == "90.0\N{NO-BREAK SPACE}%"
    assert " to " in first.rows[1][1]
    assert first.caption == "Table 1: A table"
