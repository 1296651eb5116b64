"""Figures for papers: right size, embedded fonts, plain colours, and labels that nobody foresaw."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from audit.commands.figures import inches
from audit.figures import rate_forest
from audit.figures.drawing import Area, Box, Drawing, Label, Line, Marks
from audit.figures.export import as_matplotlib, captured, latex_table, save, write_figures
from audit.figures.layout import shortened
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result

LABELS = ("x" * 80, "한국어 라벨", "עברית", "👩‍🦰", "<script>alert(1)</script>", "a & b_{c} $d$")


def rates() -> pd.DataFrame:
    rows = [{"origin": name, "n": 50, "count": 5, "rate": 0.1, "low": 0.04, "high": 0.21} for name in LABELS]
    overall = {"origin": "(all)", "n": 300, "count": 30, "rate": 0.1, "low": 0.07, "high": 0.14}
    keys = {"probe": "p", "design": "d", "template": "t", "rule": "argmax", "threshold": float("nan"),
            "outcome": "o"}  # fmt: skip
    return pd.DataFrame([keys | row for row in (overall, *rows)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("figures")
    write_figures(invented_result(), target, formats=["pdf", "svg", "png"], width_inches=3.3)
    return target


def test_every_figure_has_its_width_in_every_format(folder: Path) -> None:
    assert len(list(folder.glob("*.png"))) == len(list(folder.glob("*.pdf"))) == 8
    for path in folder.glob("*.png"):
        assert Image.open(path).width == pytest.approx(3.3 * 300, abs=2)


def test_fonts_are_embedded_and_no_colour_of_the_page_is_left(folder: Path) -> None:
    for path in folder.glob("*.pdf"):
        assert b"/FontFile2" in path.read_bytes()
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "var(" not in text and "<text" in text


def test_any_label_is_drawn_as_text_and_harmless(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a sign that no font of the machine has
        with captured() as found:
            drawn = rate_forest(rates(), attributes=["origin"], name="odd", title="Odd", axis="%")
        save(found["odd"], tmp_path / "odd.pdf", width_inches=3.3)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    assert "한국어 라벨" in drawn
    assert "a &amp; b" in drawn
    assert "x" * 80 in drawn  # whole in the description, cut next to the plot
    assert shortened("x" * 80) in drawn
    assert (tmp_path / "odd.pdf").stat().st_size > 1000


def test_every_kind_of_item_stands_where_it_stands_on_the_page() -> None:
    drawing = Drawing(
        width=100, height=50, clip=(10, 10, 50, 30),
        items=[
            Line(parts=[[(10, 20), (30, 20)]], role="ink", width=2, dash=(4, 2), clipped=True),
            Area(outline=[(0, 0), (10, 0), (10, 10)], role="accent", opacity=0.5),
            Box(corner=(5, 6), width=7, height=8, fill="heat-1", edge="paper", edge_width=1, hatched=True),
            Marks(points=[(40, 25)], shape="D", size=6, role="warn", fill="none"),
            Label(place=(50, 40), text="x", anchor="end", halo="paper"),
        ],
    )  # fmt: skip
    figure = as_matplotlib(drawing, width_inches=200 / 72)  # twice as large
    (axes,) = figure.axes
    line, marks = axes.lines
    assert line.get_xdata().tolist() == [10, 30] and line.get_linewidth() == 4 and line.get_clip_on()
    # The corners of a diamond of size 6 lie 0.65 x 6 from its centre; matplotlib's size is twice that, x 2.
    assert marks.get_markersize() == pytest.approx(2 * 6 * 1.3) and not marks.get_clip_on()
    assert len(axes.patches) == 3 and axes.patches[2].get_hatch() == "////"
    (text,) = axes.texts
    assert text.get_position() == (50, 40) and text.get_ha() == "right" and text.get_fontsize() == 19
    # Downwards on the page is downwards here: y = 0 is the upper edge.
    assert axes.transData.transform((0, 0)) == pytest.approx((0, figure.bbox.height))


def test_a_latex_table_escapes_every_sign(folder: Path) -> None:
    text = latex_table(pd.DataFrame({"name": ["50 % of a_b & {c}"], "value": [0.12345]}), caption="#1")
    assert r"50 \% of a\_b \& \{c\} & 0.123 \\" in text
    assert r"\caption{\#1}" in text
    assert re.search(r"\\toprule.*\\bottomrule", (folder / "findings.tex").read_text(), re.S)


def test_widths_have_units() -> None:
    assert inches("3.3in") == pytest.approx(3.3)
    assert inches("25.4 mm") == pytest.approx(1.0)
    for wrong in ("3.3", "0in", "1.2.3in", "wide"):
        with pytest.raises(UserError, match="--width"):
            inches(wrong)
