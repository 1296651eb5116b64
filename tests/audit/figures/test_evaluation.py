from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from audit.figures.evaluation import accuracy_by_set, few_shot_curves, shift_plot
from clipmodel.evaluation.robustness.baseline import baseline


def described(svg: str) -> str:
    (found,) = [element.text for element in ET.fromstring(svg) if element.tag.endswith("desc")]
    return str(found).replace("\N{NO-BREAK SPACE}", " ")


def test_sets_are_named_with_their_values_below_their_model() -> None:
    rows = pd.DataFrame(
        {
            "model": ["A", "A", "B"],
            "label": ["dtd", "stl10", "dtd"],
            "value": [0.4, 0.9, 0.5],
            "low": [0.3, 0.8, 0.4],
            "high": [0.5, 0.95, 0.6],
            "n": [100, 200, 100],
            "chance": [0.02, 0.1, np.nan],
        }
    )
    svg = accuracy_by_set(rows, name="sets", title="Accuracy")
    assert described(svg) == "dtd 40.0 %; stl10 90.0 %; dtd 50.0 %."
    texts = [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]
    assert {"A", "B", "n 200"} <= set(texts)


def test_a_shift_is_drawn_with_and_without_standard_models() -> None:
    rows = pd.DataFrame(
        {
            "model": ["A", "B"],
            "task": "zero-shot",
            "id_accuracy": [0.6, 1.0],
            "id_low": [0.55, 0.99],
            "id_high": [0.65, 1.0],
            "shift_accuracy": [0.5, 0.9],
            "shift_low": [0.45, 0.85],
            "shift_high": [0.55, 0.95],
        }
    )
    alone = shift_plot(rows, None, name="alone", title="Shift")
    # On a logit axis an accuracy of 1 has no place.
    assert described(alone) == "A, zero-shot 60.0 % and 50.0 %."
    line = baseline("imagenetv2", "imagenet1k")
    assert f"{len(line.models)} standard models and their line" in shift_plot(
        rows, line, name="line", title="Shift"
    )


def test_few_shot_curves_end_at_their_last_point() -> None:
    table = pd.DataFrame(
        {"shots": [1, 2, 4], "accuracy": [0.3, 0.4, 0.5], "low": [0.2, 0.3, 0.4], "high": [0.4, 0.5, 0.6]}
    )
    svg = few_shot_curves([("tiny", table)], name="shots", title="Curve")
    assert described(svg) == "tiny up to 50.0 %."
