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
from audit.figures.export import captured, latex_table, save, write_figures
from audit.figures.layout import shortened
from audit.figures.svg import ROLES
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


def test_fonts_are_embedded_and_no_stand_in_colour_is_left(folder: Path) -> None:
    for path in folder.glob("*.pdf"):
        assert b"/FontFile2" in path.read_bytes()
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert not [role for role, stand_in in ROLES.items() if stand_in in text]


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
