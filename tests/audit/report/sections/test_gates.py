from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from audit.report.section import ReportContext
from audit.report.sections import gates

MARGINS = [
    ("difference", 0.05, "\u00b15 percentage points"),
    ("ratio", 1.25, "0.8 to 1.25"),
    ("accuracy", 0.2, "20 %"),
]


@pytest.mark.parametrize(("metric", "margin", "words"), MARGINS)
def test_margins_are_written_in_their_unit(metric: str, margin: float, words: str) -> None:
    found = gates.margin_words(metric, margin)
    assert found.replace("\N{NO-BREAK SPACE}", " ") == words


def test_failed_gates_come_first_and_others_keep_their_order(context: ReportContext) -> None:
    verdicts = ["PASS", "FAIL", "INCONCLUSIVE", "FAIL", "PASS"]
    rows = pd.DataFrame({"name": list("abcde"), "verdict": verdicts, "metric": "difference", "margin": 0.05,
                         "contrasts": 3, "sentence": "Because."})  # fmt: skip
    with_gates = dataclasses.replace(context.result, gates=rows)
    found = gates.build(ReportContext(result=with_gates))
    assert found is not None and [row[0] for row in found.rows] == ["b", "d", "c", "a", "e"]


def test_a_suite_without_gates_has_no_section(context: ReportContext) -> None:
    assert gates.build(context) is None
