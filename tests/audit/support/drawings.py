"""One drawing of every kind of figure, from an invented audit."""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree as ET

import pandas as pd

from audit import figures
from tests.audit.support.invented_audit import THRESHOLDS, invented_result

SVG = "{http://www.w3.org/2000/svg}"


def rows_of(frame: pd.DataFrame, *, probe: str = "denigration", **where: str) -> pd.DataFrame:
    mask = frame["probe"] == probe
    for column, value in where.items():
        mask &= frame[column] == value
    return frame[mask]


def texts_of(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


@cache
def every_drawing() -> dict[str, str]:
    """One drawing of every kind; drawn once."""
    result = invented_result()
    argmax = rows_of(result.rates, outcome="crime", rule="argmax")
    default = argmax[argmax["design"] == "default"]
    gaps = rows_of(result.gaps, outcome="crime", rule="argmax", design="default")
    curves = rows_of(result.curves, outcome="crime", design="default")
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
