from __future__ import annotations

import numpy as np
import pandas as pd

from audit.calibration.calibration_page import _drawn_as, write_page
from audit.calibration.coverage import COVERAGE_COLUMNS
from audit.calibration.planted_bias import judge_models, planted_summary
from audit.calibration.scenarios import BY_NAME
from audit.calibration.whole_audits import SUMMARY_COLUMNS
from tests.audit.calibration.test_planted_bias import trained


def test_the_page_shows_each_part_with_its_figure(tmp_path) -> None:
    values = pd.concat([trained(5, loss=0.0, seed=1), trained(4, loss=1.0, seed=2, planted="g3")])
    judged = judge_models(values)
    tables = {
        "coverage": pd.DataFrame(
            [("Wilson", "proportion", 20, 0, 0.03, np.nan, 0.91, 0.2, 0.0, 0),
             ("Newcombe", "difference", 20, 20, 0.1, 0.3, 0.95, 0.4, 0.0, 0)],
             columns=list(COVERAGE_COLUMNS)),
        "summary": pd.DataFrame(
            [("persons", "coverage: rate", 0.951, 0.94, 0.962, 9000),
             ("persons", "audits with a false finding", 0.01, 0.001, 0.036, 200),
             ("gaps", "true gaps found", 0.9, np.nan, np.nan, 600)], columns=list(SUMMARY_COLUMNS)),
        "bulk": pd.DataFrame(
            [("weak", "coverage: rate", 0.953, 0.94, 0.96, 1000)], columns=list(SUMMARY_COLUMNS)),
        "agreement": pd.DataFrame(
            [("persons", 200, 200), ("gaps", 200, 199), ("few", 5, 5)],
            columns=["scenario", "whole", "identical"]),
        "measures": pd.DataFrame(
            [("tens", "coverage: mean over sets", 0.96, 0.95, 0.97, 500)], columns=list(SUMMARY_COLUMNS)),
        "hard": pd.DataFrame(
            [("tens", "curve test", 0.04, 0.02, 0.07, 500),
             ("ten persons alike", "size", 0.004, 0, 0.01, 900)],
            columns=list(SUMMARY_COLUMNS)),
        "detectable": pd.DataFrame(
            [("strong", 0.534, 0.7, 0.79, 0.75, 0.83, 700)],
            columns=["scenario", "gap", "printed", "found", "low", "high", "of"]),
        "models": judged,
        "planted": planted_summary(judged, values),
    }  # fmt: skip
    page = tmp_path / "docs" / "calibration.md"
    page.parent.mkdir()
    write_page(tables, page, command="clip-audit calibrate")
    text = page.read_text(encoding="utf-8")
    assert "0.910 at n 20 and rate 0.03" in text
    assert "| coverage: rate | 0.951 | 0.940 to 0.962 | 9,000 |" in text
    assert "| true gaps found | 0.900 |  | 600 |" in text
    assert "### 300 persons, 1 to 40 images each" in text
    assert "| the same, correlation .6 | 53.4 points | 0.70 | 0.790 | 0.750 to 0.830 | 700 |" in text
    assert "| 300 persons, 10 images each | curve test | 0.040 | 0.020 to 0.070 | 500 |" in text
    assert "| ten persons alike | size | 0.0040 | 0.000 to 0.010 | 900 |" in text
    assert "none (controls)" in text
    first = {name: (page.with_suffix("") / f"{name}.svg").read_bytes() for name in ("coverage", "models")}
    write_page(tables, page, command="clip-audit calibrate")
    assert first == {name: (page.with_suffix("") / f"{name}.svg").read_bytes() for name in first}
    del tables["models"], tables["planted"]
    write_page(tables, page, command="clip-audit calibrate")
    assert "trained models" not in page.read_text(encoding="utf-8").split("## ", 1)[1]


def test_a_scenario_says_how_it_is_drawn() -> None:
    assert _drawn_as(BY_NAME["persons"]) == "correlation 0.4"
    assert _drawn_as(BY_NAME["unequal"]) == "correlation 0.1, 0.6 in the last group"
    # exp(-.36) = .698.
    assert _drawn_as(BY_NAME["weighted"]).endswith("(Kish's number is 70 % of the persons)")
