from __future__ import annotations

import numpy as np
import pandas as pd

from audit.comparison.run_changes import NOT_JUDGED
from audit.mitigation.mitigation_tables import COST_COLUMNS, MITIGATION_COLUMNS, cost_frame
from audit.report.sections import mitigation

ABOUT = {"suite": "s", "model": "tiny", "data": "d", "attribute": "gender", "fitted": 10, "measured": 10}


def gaps() -> pd.DataFrame:
    row = dict.fromkeys(MITIGATION_COLUMNS, "x") | {
        "method": "leace", "n_group": 10, "before": 0.2, "after": 0.1, "change": -0.1,
        "low": -0.2, "high": 0.0,
        "p_adjusted": 0.01, "effect": "narrower", "specifications": 4, "narrower_in": 3, "seeds": 2,
        "narrower_in_seeds": 1,
    }  # fmt: skip
    return pd.DataFrame(
        [
            row,
            row | {"effect": "not shown", "p_adjusted": np.nan},
            row | {"effect": "wider", "p_adjusted": 0.001},
        ]
    )


def cost() -> pd.DataFrame:
    row = dict.fromkeys(COST_COLUMNS, 0.5) | {
        "method": "leace",
        "attribute": "gender",
        "note": "",
        "n": 10,
        "clusters": 10,
    }
    row |= {"utility_change": -0.02, "utility_low": -0.05, "utility_high": 0.01, "leakage_after": 0.6}
    refused = {"method": "dear", "attribute": "gender", "note": "no texts"}
    return cost_frame([row, refused])


def test_the_summary_says_who_lowers_what_and_who_was_not_applied() -> None:
    page = mitigation.mitigation_page(
        gaps(), cost(), about=ABOUT, methods={"leace": {"about": "a", "source": "b"}}
    )
    assert page["sentences"] == [
        "Lower some gaps and widen others: leace (1 narrower and 1 wider of 3).",
        "Not applied: dear: no texts.",
    ]
    (row,) = page["summary"].rows
    assert row[:4] == ["leace", "1", "1", "3"]
    assert [cell.replace("\N{MINUS SIGN}", "-") for cell in row[5:7]] == ["-2.0", "-5.0 to +1.0"]
    assert "50.0 % by chance" in page["summary"].caption.replace("\N{NO-BREAK SPACE}", " ")


def test_one_training_run_is_not_counted_among_methods_without_an_effect() -> None:
    once = gaps().assign(method="cap", effect=NOT_JUDGED)
    row = cost().iloc[[0]].assign(method="cap", note="1 training run against 1, so its change is not judged")
    page = mitigation.mitigation_page(once, row, about=ABOUT, methods={})
    assert page["sentences"] == ["cap: 1 training run against 1, so its change is not judged."]
    assert page["summary"].rows[0][1:3] == ["\N{EN DASH}", "\N{EN DASH}"]


def test_gaps_are_listed_by_their_p_and_all_are_shown() -> None:
    page = mitigation.mitigation_page(gaps(), cost(), about=ABOUT, methods={})
    effects = [row[-3] for row in page["gaps"].rows]
    assert effects == ["wider", "narrower", "not shown"] and page["all_shown"]
    assert page["gaps"].rows[0][-2:] == ["3 of 4", "1 of 2"]
    assert len(page["cost"].rows) == 2 and "leace" in page["figure"].svg and "dear" not in page["figure"].svg
