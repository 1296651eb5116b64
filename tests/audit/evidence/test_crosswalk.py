"""Impact ratios are those of the definition, by hand; every question has an answer or says it has none."""

from __future__ import annotations

import pandas as pd
import pytest

from audit import AuditResult
from audit.evidence.crosswalk import _of_outcome, crosswalk_table, impact_ratios
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


def test_the_ratio_is_to_the_highest_rate_among_categories_of_two_percent() -> None:
    # 1,000 images: c has 1 % and the highest rate, so it is neither judged nor the reference.
    part = pd.DataFrame({"probe": "p", "outcome": "o", "sex": ["a", "b", "c"], "n": [500, 490, 10],
                         "rate": [0.4, 0.3, 0.9]})  # fmt: skip
    found = _of_outcome(part, ["sex"]).set_index("group")
    assert found.loc["a", "impact_ratio"] == 1
    assert found.loc["b", "impact_ratio"] == pytest.approx(0.75)
    assert pd.isna(found.loc["c", "impact_ratio"])
    assert found["below_two_percent"].tolist() == [False, False, True]
    assert found.loc["c", "n"] == 10


def test_without_any_event_there_is_no_ratio() -> None:
    part = pd.DataFrame({"probe": "p", "outcome": "o", "sex": ["a", "b"], "n": [50, 50], "rate": [0.0, 0.0]})
    assert _of_outcome(part, ["sex"])["impact_ratio"].isna().all()


def test_every_grouping_of_the_suite_is_there(result: AuditResult) -> None:
    found = impact_ratios(result)
    assert set(found["by"]) == {"split", "skin_tone", "gender", "skin_tone x gender"}
    assert found["impact_ratio"].max() == 1


def test_what_is_not_measured_is_said() -> None:
    table = crosswalk_table()
    assert (table["answered_by"] == "not measured").any()
    assert {
        "NYC Local Law 144",
        "EU AI Act, Annex IV 2(g)",
        "ISO/IEC TR 24027",
        "NIST AI RMF MEASURE 2.11",
    } <= set(table["source"])
