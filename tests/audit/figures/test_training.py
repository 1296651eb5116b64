from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pandas as pd

from audit.figures.training import loss_curve, measure_curves

SVG = "{http://www.w3.org/2000/svg}"


def described(svg: str) -> str:
    found = ET.fromstring(svg).find(f"{SVG}desc")
    assert found is not None
    return str(found.text).replace("\N{MINUS SIGN}", "-")


def test_the_loss_ends_with_the_mean_of_its_last_steps() -> None:
    # 300 steps in 150 bins of two: the last bin holds 1.0 and 2.0 at the epochs 2.98 and 2.99.
    log = pd.DataFrame({"epoch": [n / 100 for n in range(300)], "loss": [4.0] * 298 + [1.0, 2.0]})
    assert described(loss_curve(log, name="l", title="Loss")) == "From 4.00 to 1.50 at epoch 3.0."


def test_a_run_of_one_step_is_drawn() -> None:
    log = pd.DataFrame({"epoch": [0.5], "loss": [4.125]})
    assert described(loss_curve(log, name="l", title="Loss")) == "From 4.12 to 4.12 at epoch 0.5."


def test_series_are_told_by_their_last_value_that_is_there() -> None:
    rows = pd.DataFrame(
        [(1.0, "dark", 0.2, 0.1, 0.3), (2.0, "dark", -0.25, -0.3, -0.2), (1.0, "light", 0.5, 0.4, 0.6),
         (2.0, "light", math.nan, math.nan, math.nan), (2.0, "none", math.nan, math.nan, math.nan)],
        columns=["epoch", "series", "value", "low", "high"],
    )  # fmt: skip
    svg = measure_curves(rows, axis="points", name="m", title="Gaps", zero=True)
    assert described(svg) == "Last values in percent at epoch 2.0: dark -25.0; light 50.0."
    texts = {element.text for element in ET.fromstring(svg).iter(f"{SVG}text")}
    assert {"dark", "light", "points", "epoch"} <= texts


def test_without_rows_there_are_axes() -> None:
    none = pd.DataFrame(columns=["epoch", "series", "value", "low", "high"], dtype=float)
    assert described(measure_curves(none, axis="%", name="m", title="Gaps")) == "Last values in percent: ."
