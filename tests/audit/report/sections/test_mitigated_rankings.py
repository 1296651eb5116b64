from __future__ import annotations

import numpy as np
import pandas as pd

from audit.mitigation.mitigation_tables import cost_frame
from audit.mitigation.ranking_changes import EVERY_QUERY, RANKING_COLUMNS
from audit.report.sections.mitigated_rankings import ranked_page


def rows() -> pd.DataFrame:
    row = dict.fromkeys(RANKING_COLUMNS, "x") | {
        "method": "det_greedy", "query": EVERY_QUERY, "by": "gender", "group": "", "k": 10.0,
        "measure": "MaxSkew", "n": 50, "clusters": 50, "before": 0.4, "after": 0.1, "change": -0.3,
        "low": -0.5, "high": -0.1, "p": 0.001, "p_adjusted": 0.004, "effect": "narrower", "note": "",
    }  # fmt: skip
    return pd.DataFrame(
        [
            row | {"measure": "share", "group": "man", "p": np.nan, "p_adjusted": np.nan, "effect": ""},
            row | {"measure": "NDKL", "k": np.nan, "p_adjusted": 0.4, "effect": "not shown"},
            row,
            row | {"query": "cook", "p": np.nan},
        ]
    )


def test_tested_measures_come_first_and_queries_stay_in_the_file() -> None:
    page = ranked_page(rows(), cost_frame([{"method": "det_greedy"}]), attribute="gender")
    assert page["figures"] == []  # nothing says what a searcher loses
    assert [row[2] for row in page["table"].rows] == [
        "MaxSkew at 10 by gender", "NDKL by gender", "share at 10 by gender, man"
    ]  # fmt: skip
    first = page["table"].rows[0]
    assert first[3:7] == [
        "0.400",
        "0.100",
        "\N{MINUS SIGN}0.300",
        "\N{MINUS SIGN}0.500 to \N{MINUS SIGN}0.100",
    ]
    assert page["sentences"] == [
        "Measures of skew, of 2, that become smaller on these data beyond noise: det greedy 1.",
        "Measures of skew, of 2, that become larger on these data beyond noise: none of any method.",
    ]
    assert page["queries"] == 1 and page["all_shown"]


def test_skew_is_drawn_against_recall_and_against_similarity() -> None:
    cost = cost_frame([{"method": "det_greedy", "top_k": 10.0, "recall_change": -0.25, "recall_low": -0.4,
                        "recall_high": -0.1, "similarity_change": -0.01, "similarity_low": -0.02,
                        "similarity_high": 0.0}])  # fmt: skip
    recall, similarity = ranked_page(rows(), cost, attribute="gender")["figures"]
    plain = recall.svg.replace("\N{MINUS SIGN}", "-")
    assert "det_greedy: MaxSkew 0.100, recall -25.000" in plain and "at 10 places" in recall.caption
    assert "det_greedy: MaxSkew 0.100, similarity -1.000" in similarity.svg.replace("\N{MINUS SIGN}", "-")
