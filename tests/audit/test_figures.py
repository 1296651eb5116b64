"""Drawings: stable bytes, ids that do not clash, colours left to the page, and marks at the right places."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from audit import figures
from audit.result import AuditResult
from tests.audit.support.drawings import SVG, every_drawing, rows_of, texts_of
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    return every_drawing()


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
    rates = rows_of(result.rates, outcome="crime", rule="argmax", design="default")
    first, second = (
        figures.intersection_map(rates, rows="skin_tone", columns="gender", small=61, name="m", title="Map")
        for _ in range(2)
    )
    assert first == second


def test_missing_is_no_group(drawings: dict[str, str]) -> None:
    assert "(missing)" not in "".join(drawings.values())


def test_a_cell_without_a_rate_shows_its_n_alone(drawings: dict[str, str]) -> None:
    # The fixture has 2 images of medium x person, fewer than the 3 that a rate needs.
    texts = texts_of(drawings["map"])
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
    assert {"all images", "x"} <= set(texts_of(svg))
