from __future__ import annotations

import dataclasses

import pandas as pd

from audit.report.section import ReportContext
from audit.report.sections import annotators


def test_a_row_says_both_differences_and_what_disagreement_adds(context: ReportContext) -> None:
    row = {
        "probe": "occupation", "outcome": "misclassified", "by": "gender", "group": "woman", "n": 40,
        "disagreement": 0.25, "majority_difference": 0.1, "difference": 0.08, "low": -0.02, "high": 0.18,
        "share_of_variance": 0.3, "note": "",
    }  # fmt: skip
    result = dataclasses.replace(context.result, annotators=pd.DataFrame([row]))
    content = annotators.build(ReportContext(result=result))
    assert content is not None
    cells = " ".join(content["table"].rows[0]).replace("\N{NO-BREAK SPACE}", " ")
    assert "25.0 %" in cells and "+10.0" in cells and "+8.0" in cells and "30.0 %" in cells


def test_nothing_without_rows(context: ReportContext) -> None:
    assert annotators.build(context) is None
