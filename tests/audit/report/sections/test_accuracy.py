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
    assert len(section.overview.rows) == len(overall) == 1
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
