"""Drawings: stable bytes, ids that do not clash, colours left to the page, and marks at the right places."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
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


def test_every_drawing_is_named_described_and_scales(drawings: dict[str, str]) -> None:
    for name, svg in drawings.items():
        root = ET.fromstring(svg)
        children = {child.tag: child for child in root}
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{name}-title {name}-desc"
        assert children[f"{SVG}title"].text
        assert len(children[f"{SVG}desc"].text or "") > 20
        assert root.get("viewBox", "").startswith("0 0 324 ")  # 4.5 inches of 72 points
        assert root.get("width") is None


def test_the_same_frame_gives_the_same_bytes(result: AuditResult) -> None:
    rates = _of(result.rates, outcome="crime", rule="argmax", design="default")
    first, second = (
        figures.intersection_map(rates, rows="skin_tone", columns="gender", small=61, name="m", title="Map")
        for _ in range(2)
    )
    assert first == second


def test_missing_is_no_group(drawings: dict[str, str]) -> None:
    assert "(missing)" not in "".join(drawings.values())


def test_a_cell_without_a_rate_shows_its_n_alone(drawings: dict[str, str]) -> None:
    # The fixture has 2 images of medium x person, fewer than the 3 that a rate needs.
    texts = _texts(drawings["map"])
    assert texts.count("too few") == 1
    assert texts.count("n 2") == 1


def test_small_cells_are_hatched() -> None:
    cells = pd.DataFrame(
        {
            "a": ["x", "x", "y", "y"],
            "b": ["u", "v", "u", "v"],
            "n": [19, 20, 21, 1],
            "rate": [0.1, 0.2, 0.3, np.nan],
        }
    )
    svg = figures.intersection_map(cells, rows="a", columns="b", small=20, name="m", title="Map")
    hatched = re.findall(r"fill: url\(#", svg)
    assert len(hatched) == 2  # n of 19 and of 1; 20 is not fewer than 20


def test_a_frame_without_a_drawable_rate_is_still_drawn() -> None:
    rates = pd.DataFrame({"a": ["(all)", "x"], "n": [2, 1], "rate": np.nan, "low": np.nan, "high": np.nan})
    svg = figures.rate_forest(rates, attributes=["a"], name="f", title="t", axis="%")
    assert {"all images", "x"} <= set(_texts(svg))
