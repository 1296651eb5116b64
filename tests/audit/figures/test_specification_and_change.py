from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pandas as pd

from audit.figures.specification_and_change import change_forest, gap_change_forest, specification_curve

SVG = "{http://www.w3.org/2000/svg}"


def gaps() -> pd.DataFrame:
    rows = [
        ("default", "argmax", math.nan, 0.2, 0.01),
        ("child", "argmax", math.nan, -0.1, 0.5),
        ("default", "probability", 0.5, math.nan, math.nan),
    ]
    table = pd.DataFrame(rows, columns=["design", "rule", "threshold", "difference", "p_adjusted"])
    return table.assign(
        template="plain",
        difference_low=table["difference"] - 0.05,
        difference_high=table["difference"] + 0.05,
        group="dark",
        reference="light",
        by="tone",
        probe="p",
        outcome="o",
        n_group=100,
        n_reference=100,
        p=table["p_adjusted"],
    )


def described(svg: str) -> str:
    found = ET.fromstring(svg).find(f"{SVG}desc")
    assert found is not None
    return str(found.text).replace("\N{MINUS SIGN}", "-")


def test_specifications_stand_from_the_smallest_and_undefined_ones_are_left_out() -> None:
    svg = specification_curve(gaps(), name="curve", title="A gap")
    assert described(svg).endswith(
        "child, plain, highest-scoring class -10.0; default, plain, highest-scoring class +20.0."
    )
    texts = [text.text for text in ET.fromstring(svg).iter(f"{SVG}text")]
    # Only the factor that differs has rows: the template and the rule are the same for both.
    assert {"design default", "design child"} <= set(texts) and not any("template" in str(t) for t in texts)


def test_changes_of_rates_and_of_gaps_are_described_by_their_groups() -> None:
    rows = pd.DataFrame(
        {
            "group": ["dark", "light"],
            "by": "tone",
            "reference": "the rest",
            "change": [0.1, -0.2],
            "low": [0.0, -0.3],
            "high": [0.2, -0.1],
            "n": [10, 20],
            "n_group": [10, 20],
            "clusters": [5, 20],
            "clusters_group": [5, 20],
            "p_adjusted": [0.2, 0.01],
        }
    )
    for draw in (change_forest, gap_change_forest):
        svg = draw(rows, name="forest", title="Changes")
        assert "dark +10.0; light -20.0" in described(svg)
        # Fewer clusters than images stand in brackets.
        assert re.search(r"n 10 \(5\)", svg) and "n 20 (" not in svg
