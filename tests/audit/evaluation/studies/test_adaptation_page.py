from __future__ import annotations

import pandas as pd

from audit.evaluation.studies.adaptation import GAP_COLUMNS
from audit.evaluation.studies.adaptation_page import adaptation_page
from audit.mitigation.mitigation_tables import MITIGATION_COLUMNS
from audit.report.html import fill_template


def suite_rows() -> pd.DataFrame:
    """Two gaps of one probe: one is narrower beyond noise, one is not shown to change."""
    base = {
        "probe": "job", "outcome": "misclassified", "by": "gender", "reference": "man", "n_group": 50,
        "n_reference": 60, "low": -0.2, "high": -0.1, "fitted_on": "half of the suite's images", "note": "",
    }  # fmt: skip
    rows = [
        {**base, "group": "woman", "before": 0.25, "after": 0.1, "change": -0.15, "p": 1e-4,
         "p_adjusted": 2e-4, "effect": "narrower"},
        {**base, "group": "person", "before": 0.05, "after": 0.06, "change": 0.01, "p": 0.5,
         "p_adjusted": 0.5, "effect": "not shown"},
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=["fitted_on", *MITIGATION_COLUMNS])


def html_of(accuracy: pd.DataFrame, suite: pd.DataFrame) -> str:
    about = {
        "model": "tiny",
        "fit": "emoji",
        "images_fitted": "10",
        "suite": "Jobs",
        "data": "D",
        "measured": "m",
    }
    gaps = pd.DataFrame(columns=list(GAP_COLUMNS))
    page = adaptation_page(accuracy, gaps, suite, about=about, notes=["The probe harm stays zero-shot."])
    html = fill_template("adaptation.html.j2", page, data="{}")
    return html.replace("\N{NO-BREAK SPACE}", " ")


def test_accuracy_and_disparities_stand_in_sentences_tables_and_figures() -> None:
    accuracy = pd.DataFrame(
        [{"dataset": "emoji", "n": 449, "zero_shot": 0.5, "adapted": 0.85, "difference": 0.35, "low": 0.3,
          "high": 0.4, "p": 1e-9, "p_adjusted": 1e-9}]
    )  # fmt: skip
    html = html_of(accuracy, suite_rows())
    assert "right for 85.0 % of 449 images, zero-shot for 50.0 %: +35.0 points" in html
    assert "of 2 differences between groups 1 become narrower and 0 wider beyond noise" in html
    assert "the widest goes from 25.0 to 10.0 points" in html
    assert "The probe harm stays zero-shot." in html and html.count("<svg") >= 2


def test_a_page_without_sets_has_no_accuracy_and_one_without_suite_no_disparities() -> None:
    only_suite = html_of(pd.DataFrame(), suite_rows())
    assert 'id="accuracy"' not in only_suite and 'id="suite"' in only_suite
    nothing = html_of(pd.DataFrame(), suite_rows().iloc[:0])
    assert 'id="suite"' not in nothing
