"""What a searcher loses, one row a method: the rows of the largest K, and the skew beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.mitigation.mitigation_tables import cost_frame
from audit.mitigation.ranking_changes import (
    EVERY_QUERY,
    MAX_SKEW,
    RANKING_COLUMNS,
    RECALL,
    SIMILARITY,
    ranking_rows,
)  # fmt: skip
from audit.mitigation.ranking_costs import ranking_cost, ranking_pareto
from probes.mitigation.methods.reranking import DetGreedy
from tests.audit.mitigation.test_ranking_changes import ranking


def rows(method: str, *, k: float, skew: float, recall: float) -> pd.DataFrame:
    shared = {
        "method": method,
        "probe": "search",
        "template": "plain",
        "query": EVERY_QUERY,
        "group": "",
        "k": k,
    }
    measured = {
        "before": 1.0,
        "after": recall,
        "change": recall - 1,
        "low": recall - 1.1,
        "high": recall - 0.9,
    }
    return pd.DataFrame(
        [
            shared | measured | {"measure": RECALL, "by": ""},
            shared | measured | {"measure": SIMILARITY, "by": ""},
            shared | measured | {"measure": MAX_SKEW, "by": "gender", "after": skew},
        ],
        columns=list(RANKING_COLUMNS),
    )


def test_the_largest_k_that_leaves_images_out_counts() -> None:
    table = pd.concat([rows("a", k=5, skew=0.4, recall=0.5), rows("a", k=20, skew=0.3, recall=0.7),
                       rows("a", k=50, skew=0.1, recall=1.0).assign(change=np.nan)])  # fmt: skip
    found = ranking_cost([table])
    assert (found["top_k"], found["recall_after"], found["similarity_high"]) == pytest.approx((20, 0.7, -0.2))
    assert ranking_cost([]) == {} and ranking_cost([table.assign(change=np.nan)]) == {}


def test_the_plot_has_a_row_for_each_method_that_ranks() -> None:
    tables = [rows("a", k=20, skew=0.3, recall=0.7), rows("b", k=20, skew=0.1, recall=0.4)]
    costs = [{"method": name, "n": 9, "clusters": 9, **ranking_cost([own])}
             for name, own in zip("ab", tables, strict=True)]  # fmt: skip
    cost = cost_frame([*costs, {"method": "linear_probe"}])
    found = ranking_pareto(pd.concat(tables), cost, attribute="gender").set_index("method")
    assert found["skew"].to_dict() == {"a": 0.3, "b": 0.1}
    assert found.loc["b", "recall_change"] == pytest.approx(-0.6)
    # Not split by the attribute: the first grouping.
    assert ranking_pareto(pd.concat(tables), cost, attribute="race")["skew"].tolist() == [0.3, 0.1]


def test_of_a_re_ranking() -> None:
    rng = np.random.default_rng(0)
    gender = np.where(np.arange(60) % 3 == 0, "man", "woman")
    own = ranking(rng.standard_normal((2, 60)) + 2.0 * (gender == "man"), gender)
    found = ranking_cost([ranking_rows("g", own, own, reranker=DetGreedy(), attribute="gender", draws=19)])
    assert found["recall_before"] == 1 and found["recall_low"] < found["recall_change"] < 0
    assert found["similarity_after"] < found["similarity_before"]
