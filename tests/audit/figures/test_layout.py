from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from audit import figures
from audit.figures.drawing import Drawing, Label, Line, Marks
from audit.figures.layout import (
    ROW_POINTS,
    Entry,
    axis_below,
    draw_intervals,
    forest,
    legend,
    n_words,
    panel,
    series_dash,
    series_mark,
    series_role,
    shortened,
)
from audit.result import AuditResult
from tests.audit.support.drawings import SVG, every_drawing, texts_of
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    return every_drawing()


def _places(root: ET.Element) -> list[tuple[float, float]]:
    """The centres of all marks: each begins with a move to its centre."""
    paths = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == "marks"]
    return [(float(x), float(y)) for path in paths for x, y in re.findall(r"M(\S+) (\S+?)m", path)]


def test_groups_stand_in_their_natural_order(drawings: dict[str, str]) -> None:
    tones = ["light", "medium-light", "medium", "medium-dark", "dark"]
    assert [text for text in texts_of(drawings["rates"]) if text in tones] == tones


def test_marks_stand_where_the_numbers_say() -> None:
    # The labels 0 and 20 of the axis give the scale; the mark of a rate of 10 % lies half-way between them.
    rates = pd.DataFrame(
        {"a": ["(all)", "x"], "n": [200, 100], "rate": [0.2, 0.1], "low": [0.15, 0.05], "high": [0.26, 0.18]}
    )
    root = ET.fromstring(figures.rate_forest(rates, attributes=["a"], name="f", title="t", axis="%"))
    label = {t.text: float(t.get("x", "nan")) for t in root.iter(f"{SVG}text") if (t.text or "").isdigit()}
    marks = sorted(x for x, _ in _places(root))
    per_percent = (label["20"] - label["0"]) / 20
    assert marks == pytest.approx([label["0"] + 10 * per_percent, label["0"] + 20 * per_percent], abs=0.05)


def test_significance_is_a_shape_and_not_only_a_colour() -> None:
    gaps = pd.DataFrame(
        {
            "by": "a", "group": ["x", "y"], "reference": "the rest", "n_group": 50, "p_adjusted": [0.01, 0.5],
            "difference": [0.2, 0.01], "difference_low": [0.1, -0.1], "difference_high": [0.3, 0.12],
        }
    )  # fmt: skip
    root = ET.fromstring(figures.difference_forest(gaps, name="d", title="t"))
    shapes = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == "marks"]
    assert ["a" in shape for shape in shapes] == [True, False]  # a circle has arcs, a diamond has none


def test_a_row_without_a_rate_keeps_its_place_without_a_mark() -> None:
    rows = pd.DataFrame(
        {"label": ["x", "y"], "heading": False, "n": [3, 4], "rate": [math.nan, 0.5], "low": [math.nan, 0.4],
         "high": [math.nan, 0.6]}
    )  # fmt: skip
    plot = forest(rows, n="n", x=(0.0, 100.0), axis="%")
    draw_intervals(plot, rows, centre="rate", low="low", high="high")
    (marks,) = [item for item in plot.drawing.items if isinstance(item, Marks)]
    # Row 1 of two: 1.6 of 2.2 row heights below the top edge, which is 3 points down.
    assert list(marks.points) == [pytest.approx((plot.left + plot.width / 2, 3 + 2 * ROW_POINTS * 1.6 / 2.2))]


def test_a_legend_fills_its_columns_from_the_top() -> None:
    drawing = Drawing(width=324, height=100)
    legend(drawing, [Entry(label=name, role="ink", shape="o") for name in "abc"], columns=2)
    a, b, c = (item.place for item in drawing.items if isinstance(item, Label))
    assert a[0] == b[0] < c[0] and a[1] == c[1] < b[1] < 100
    legend(drawing, [], columns=2)
    assert len(drawing.items) == 6


def test_an_axis_names_its_ticks_line_by_line() -> None:
    plot = panel(rows=3, left=["10"], x=(0.0, 1.0), y=(0.0, 1.0))
    axis_below(plot, label="tone", ticks=[0.5, 2.0], names=["two\nlines", "outside"])
    labels = {item.text: item.place for item in plot.drawing.items if isinstance(item, Label)}
    assert labels["two"][1] < labels["lines"][1] < labels["tone"][1]
    # The grid line of a tick outside of the panel is left out.
    assert sum(isinstance(item, Line) for item in plot.drawing.items) == 1


def test_series_differ_in_shape_dash_and_colour() -> None:
    looks = [(series_mark(i)["shape"], series_dash(i, width=1.0), series_role(i)) for i in range(8)]
    assert all(len(set(column)) == 8 for column in zip(*looks, strict=True))


def test_a_long_label_is_cut_in_the_middle_and_clusters_stand_in_brackets() -> None:
    assert shortened("x" * 30) == "x" * 30
    assert len(shortened("x" * 31)) == 30
    assert n_words({"n": 1200, "clusters": 7}, "n") == "n 1,200 (7)"
    assert n_words({"n_group": 7, "clusters_group": 7}, "n_group") == "n 7"
