from __future__ import annotations

import dataclasses

import pandas as pd

from audit.report.section import ReportContext
from audit.report.sections import accuracy


def test_rows_of_the_tables_are_rows_of_the_frame(context: ReportContext) -> None:
    section = accuracy.build(context)
    assert section is not None
    frame = context.result.accuracy
    overall = frame[(frame[["split", "skin_tone", "gender"]] == "(all)").all(axis=1)]
    assert section.overview is not None and len(section.overview.rows) == len(overall) == 1
    (part,) = section.parts
    assert part.title == "Occupation" and len(part.table.rows) == len(frame)
    first = section.overview.rows[0]
    count, n = int(overall["count"].iloc[0]), int(overall["n"].iloc[0])
    assert f"{n:,}" in first and f"{count:,}" in first
    assert f"{100 * count / n:.1f}\N{NO-BREAK SPACE}%" in first


def test_the_figure_is_of_the_images_if_a_probe_splits_by_them(context: ReportContext) -> None:
    (part,) = accuracy.build(context).parts  # type: ignore[union-attr]
    assert "train" in part.figure.svg and "medium-light" not in part.figure.svg
    assert part.figure.table == part.id == "accuracy-occupation"


def test_without_a_truth_there_is_no_section(context: ReportContext) -> None:
    empty = dataclasses.replace(context.result, accuracy=context.result.accuracy.iloc[:0])
    assert accuracy.build(ReportContext(result=empty)) is None
    assert isinstance(empty.accuracy, pd.DataFrame)


def test_standard_accuracy_has_a_table_even_without_a_truth(context: ReportContext) -> None:
    row = {
        "evaluation_set": "stl10", "evaluation_title": "STL-10", "evaluation_task": "linear_probe",
        "metric": "lp_acc1", "value": 0.9, "low": 0.88, "high": 0.92, "n": 8000, "chance_level": 0.1,
    }  # fmt: skip
    empty = dataclasses.replace(
        context.result, accuracy=context.result.accuracy.iloc[:0], standard=pd.DataFrame([row])
    )
    section = accuracy.build(ReportContext(result=empty))
    assert section is not None and section.overview is None and section.standard is not None
    assert section.standard.rows[0][:4] == ["STL-10", "linear probe", "lp_acc1", "8,000"]
