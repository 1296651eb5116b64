from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from audit.figures.mitigation import pareto

COST = pd.DataFrame(
    {
        "method": ["none", "leace", "class_design"],
        "utility_change": [0.0, -0.02, np.nan],
        "utility_low": [0.0, -0.05, np.nan],
        "utility_high": [0.0, 0.01, np.nan],
        "widest_gap_after": [0.3, 0.1, 0.2],
    }
)


def test_methods_are_described_and_those_without_an_accuracy_left_out() -> None:
    svg = pareto(COST, name="pareto", title="Trade-off")
    root = ET.fromstring(svg)
    (described,) = [element.text for element in root if element.tag.endswith("desc")]
    plain = str(described).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    assert plain == "none: gap 30.0 %, accuracy ±0.0; leace: gap 10.0 %, accuracy -2.0"
    assert "class design" not in svg and root.get("aria-labelledby") == "pareto-title pareto-desc"


def test_a_model_trained_once_has_a_mark_and_no_interval() -> None:
    once = COST.iloc[:2].assign(method=["none", "cap"], utility_low=[0.0, np.nan], utility_high=[0.0, np.nan])
    svg = pareto(once, name="pareto", title="Trade-off")
    assert "cap *" in svg and "none *" not in svg and "nan" not in svg


def test_no_method_at_all_is_an_empty_drawing() -> None:
    assert ET.fromstring(pareto(COST.iloc[2:], name="empty", title="Nothing")).tag.endswith("svg")
