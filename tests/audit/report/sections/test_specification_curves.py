from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from audit.report.section import ReportContext
from audit.report.sections import specification_curves as section
from audit.statistics.variation.specification_variance import PARTS


def test_a_figure_an_outcome_and_a_row_a_gap_of_people(context: ReportContext) -> None:
    found = section.build(context)
    assert found is not None
    table = context.result.specifications
    # Occupation is asked in one way only; the harms by two designs, argmax and two thresholds.
    asked = table[(table["probe"] == "denigration") & (table["specifications"] > 1)]
    assert set(asked["specifications"]) == {6}
    assert len(found.table.rows) == len(asked)
    assert len(found.figures) == asked["outcome"].nunique()
    assert all("in 6 specifications" in figure.caption for figure in found.figures)


def test_the_parts_of_a_variance_are_told_from_the_largest() -> None:
    parts = dict.fromkeys(PARTS, 0.0) | {"sampling": 1.0, "design": 3.0, "interaction": 0.001}
    row = {f"variance_{name}": value for name, value in parts.items()}
    said = section._sources(row).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "Its variance: design 75.0 %, sampling 25.0 %."  # less than half a percent is left out
    assert sum(section._shares(row).values()) == pytest.approx(1.0)
    assert section._sources({f"variance_{name}": 0.0 for name in PARTS}) == ""


def test_a_single_way_of_asking_has_no_curve(context: ReportContext) -> None:
    table = context.result.specifications.assign(specifications=1)
    alone = dataclasses.replace(context.result, specifications=table)
    assert section.build(ReportContext(result=alone)) is None


def test_what_can_be_tested_is_drawn_first_and_wider_small_groups_in_grey() -> None:
    """One outcome: a and b are tested, c and d are not, c is wider than all; of another, only small ones."""
    keys = {"probe": "job", "by": "age", "reference": "the rest"}
    curves = pd.DataFrame(
        [
            {**keys, "outcome": outcome, "group": group, "difference_median": median}
            for outcome, group, median in (
                ("harm", "a", 0.1), ("harm", "b", -0.2), ("harm", "c", 0.5), ("harm", "d", 0.15),
                ("crime", "c", 0.3),
            )
        ]
    )  # fmt: skip
    small = "5 clusters: fewer than 10, too few to test"
    gaps = curves.assign(
        difference=curves["difference_median"], p=[0.2, 0.01, np.nan, np.nan, np.nan],
        note=["", "", small, small, small],
    )  # fmt: skip
    drawn = section._drawn(curves, gaps)
    assert drawn[["outcome", "group", "reason"]].to_numpy().tolist() == [
        ["harm", "b", ""], ["harm", "c", small], ["crime", "c", small],
    ]  # fmt: skip


def test_a_small_group_says_why_it_is_grey(context: ReportContext) -> None:
    small = "5 clusters: fewer than 10, too few to test"
    gaps = context.result.gaps.assign(p=np.nan, note=small)
    found = section.build(ReportContext(result=dataclasses.replace(context.result, gaps=gaps)))
    assert found is not None
    assert all(f"In grey, since it is not tested: {small}." in figure.caption for figure in found.figures)
