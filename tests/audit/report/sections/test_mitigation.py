from __future__ import annotations

import numpy as np
import pandas as pd

from audit.mitigation.mitigation_tables import COST_COLUMNS, MITIGATION_COLUMNS, cost_frame
from audit.report.sections import mitigation

ABOUT = {"suite": "s", "model": "tiny", "data": "d", "attribute": "gender", "fitted": 10, "measured": 10}


def gaps() -> pd.DataFrame:
    row = dict.fromkeys(MITIGATION_COLUMNS, "x") | {
        "method": "leace", "n_group": 10, "before": 0.2, "after": 0.1, "change": -0.1,
        "low": -0.2, "high": 0.0,
        "p_adjusted": 0.01, "effect": "narrower",
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


def test_a_sentence_a_method_counts_its_gaps() -> None:
    page = mitigation.mitigation_page(
        gaps(), cost(), about=ABOUT, methods={"leace": {"about": "a", "source": "b"}}
    )
    applied, refused = (said.replace("\N{MINUS SIGN}", "-") for said in page["sentences"])
    assert (
        applied.startswith("leace: lowers 1 and widens 1 of 3 gaps")
        and "-2.0 points (-5.0 to +1.0)" in applied
    )
    assert refused == "dear: not applied. no texts"


def test_gaps_are_listed_by_their_p_and_all_are_shown() -> None:
    page = mitigation.mitigation_page(gaps(), cost(), about=ABOUT, methods={})
    effects = [row[-1] for row in page["gaps"].rows]
    assert effects == ["wider", "narrower", "not shown"] and page["all_shown"]
    assert len(page["cost"].rows) == 2 and "leace" in page["figure"].svg and "dear" not in page["figure"].svg
