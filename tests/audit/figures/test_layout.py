from __future__ import annotations

from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from audit import figures
from audit.result import AuditResult
from tests.audit.support.invented_audit import THRESHOLDS, invented_result

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def _of(frame: pd.DataFrame, *, probe: str = "denigration", **where: str) -> pd.DataFrame:
    mask = frame["probe"] == probe
    for column, value in where.items():
        mask &= frame[column] == value
    return frame[mask]


@pytest.fixture(scope="module")
def drawings(result: AuditResult) -> dict[str, str]:
    """One drawing of every kind."""
    argmax = _of(result.rates, outcome="crime", rule="argmax")
    default = argmax[argmax["design"] == "default"]
    gaps = _of(result.gaps, outcome="crime", rule="argmax", design="default")
    curves = _of(result.curves, outcome="crime", design="default")
    people = ["skin_tone", "gender"]
    common = {"title": "A <title> & more", "axis": "% of images"}
    return {
        "rates": figures.rate_forest(default, attributes=people, name="rates", **common),
        "gaps": figures.difference_forest(gaps, name="gaps", title="Gaps"),
        "designs": figures.design_dumbbell(argmax, attributes=people, name="designs", **common),
        "curves": figures.threshold_curves(
            curves, attribute="skin_tone", name="curves", thresholds=THRESHOLDS, **common
        ),
        "map": figures.intersection_map(
            default, rows="skin_tone", columns="gender", small=61, name="map", title="Map"
        ),
    }


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_groups_stand_in_their_natural_order(drawings: dict[str, str]) -> None:
    tones = ["light", "medium-light", "medium", "medium-dark", "dark"]
    assert [text for text in _texts(drawings["rates"]) if text in tones] == tones


def test_marks_stand_where_the_numbers_say() -> None:
    # The labels 0 and 20 of the axis give the scale; the mark of a rate of 10 % lies half-way between them.
    rates = pd.DataFrame(
        {"a": ["(all)", "x"], "n": [200, 100], "rate": [0.2, 0.1], "low": [0.15, 0.05], "high": [0.26, 0.18]}
    )
    root = ET.fromstring(figures.rate_forest(rates, attributes=["a"], name="f", title="t", axis="%"))
    label = {t.text: float(t.get("x", "nan")) for t in root.iter(f"{SVG}text") if (t.text or "").isdigit()}
    marks = sorted(float(use.get("x", "nan")) for use in root.iter(f"{SVG}use"))
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
    shapes = {path.get("id"): path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("id")}
    used = [shapes[(use.get("href") or "")[1:]] for use in root.iter(f"{SVG}use")]
    assert ["C" in shape for shape in used] == [True, False]  # a circle has curves, a diamond has none
