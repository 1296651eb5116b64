"""The table of trends: from counts, with and without clusters, and through a whole result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.statistics.trend import LevelCounts, linear_trend
from audit.tables.context import TableContext
from audit.tables.trends import FEW_LEVELS, scale_words, trend_tables
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})
LEVELS = ["light", "medium", "dark"]


def with_scale(images: pd.DataFrame = IMAGES) -> TableContext:
    manifest = manifest_of(probe_entry())
    for entry in manifest["attributes"]:
        if entry["name"] == "skin_tone":
            entry |= {"order": LEVELS, "scale": {"kind": "ranks", "scores": [1.0, 2.0, 3.0]}}
    return TableContext.of(naive_counts(images), manifest, ATTRIBUTES)


def test_a_trend_equals_that_of_the_images() -> None:
    trends, _ = trend_tables(with_scale())
    row = trends[(trends["by"] == "skin_tone") & (trends["outcome"] == "misclassified")].iloc[0]
    known = IMAGES.dropna(subset=["skin_tone"])
    wrong = known["prediction"] != known["truth"]
    n = [int((known["skin_tone"] == level).sum()) for level in LEVELS]
    x = [int(wrong[known["skin_tone"] == level].sum()) for level in LEVELS]
    expected = linear_trend(LevelCounts.independent(x, n, [1, 2, 3]))
    assert (row["n"], row["count"], row["levels"]) == (sum(n), sum(x), 3)
    assert row["slope"] == pytest.approx(expected.slope)
    assert row["p"] == pytest.approx(expected.p)
    assert row["p_adjusted"] >= row["p"]
    assert row["scale"] == "ranks: " + ", ".join(f"{one} = {i}" for i, one in enumerate(LEVELS, start=1))


def test_attributes_without_a_scale_have_no_trend() -> None:
    trends, curves = trend_tables(with_scale())
    assert set(trends["by"]) == {"skin_tone"}
    assert not len(curves)  # three values are too few for a curve
    plain = TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES)
    assert not len(trend_tables(plain)[0])


def test_two_values_are_no_trend() -> None:
    images = IMAGES[IMAGES["skin_tone"] != LEVELS[0]]
    trends, _ = trend_tables(with_scale(images))
    assert set(trends["note"]) == {FEW_LEVELS}
    assert trends["p"].isna().all()


def test_scales_in_words() -> None:
    assert scale_words(["18-29", "60+"], np.array([24.0, 65.0]), kind="midpoints") == (
        "midpoints: 18-29 = 24, 60+ = 65"
    )
    years = [str(year) for year in range(18, 90)]
    assert scale_words(years, np.arange(18.0, 90.0), kind="numbers") == "numbers: 18 to 89, 72 values"
