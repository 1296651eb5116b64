"""The figure of a trend: a curve, its band, and the groups as marks."""

from __future__ import annotations

import pandas as pd

from audit.figures.trend_curves import trend_curve

CURVE = pd.DataFrame(
    {"at": [1.0, 2.0, 3.0], "rate": [0.1, 0.2, 0.3], "low": [0.05, 0.1, 0.2], "high": [0.2, 0.3, 0.4]}
)

BINS = CURVE.assign(group=["light", "medium-light", "dark"])


def test_the_ends_are_read_out_and_the_axis_is_named() -> None:
    svg = trend_curve(CURVE, bins=BINS.iloc[:2], name="t", title="Harm along age", axis="age")
    assert svg.startswith("<svg")
    assert "Harm along age" in svg and ">age<" in svg
    assert "From end to end, 1: 10" in svg


def test_without_groups_the_curve_stands_alone() -> None:
    with_marks = trend_curve(CURVE, bins=BINS, name="t", title="T", axis="age")
    assert len(trend_curve(CURVE, bins=BINS.iloc[:0], name="t", title="T", axis="age")) < len(with_marks)


def test_few_groups_are_named_at_the_axis_and_many_keep_its_numbers() -> None:
    svg = trend_curve(CURVE, bins=BINS, name="t", title="T", axis="tone")
    assert ">light<" in svg and ">medium-<" in svg and ">1.5<" not in svg
    many = pd.concat([BINS] * 3, ignore_index=True)
    assert ">light<" not in trend_curve(CURVE, bins=many, name="t", title="T", axis="tone")
