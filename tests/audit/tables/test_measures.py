from __future__ import annotations

import numpy as np
import pandas as pd

from audit.tables.measure_statistics.family import ESTIMATES
from audit.tables.measures import FLOATS, INTEGERS, KEYS, STATISTICS, _families, measures_table
from probes.records.vocabulary import STATISTICS as SPECIFICATIONS


def test_whatever_may_be_asked_for_is_computed() -> None:
    assert set(STATISTICS) == set(SPECIFICATIONS)


def test_without_such_probes_the_table_is_empty_and_typed() -> None:
    table = measures_table(None, None, {"probes": []}, ["tone"])
    assert list(table) == [*KEYS, "tone", *ESTIMATES] and table.empty
    assert all(table[name].dtype == np.float64 for name in FLOATS)
    assert all(table[name].dtype == np.int64 for name in INTEGERS)


def test_a_family_has_one_statistic_metric_template_k_and_grouping() -> None:
    rows = pd.DataFrame(
        [("rate", "m", "t", np.nan, "dark", "(all)"), ("rate", "m", "t", np.nan, "(all)", "man"),
         ("rate", "m", "t", np.nan, "light", "(all)"), ("rate", "m", "u", np.nan, "light", "(all)"),
         ("share at k", "m", "t", 5.0, "light", "man")],
        columns=["statistic", "metric", "template", "k", "tone", "gender"],
    )  # fmt: skip
    found = [(by, index.tolist()) for by, index in _families(rows, ["tone", "gender"])]
    assert found == [(("tone",), [0, 2]), (("gender",), [1]), (("tone",), [3]), (("tone", "gender"), [4])]
