from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from tests.probes.measures.colours import one


def test_accuracy_by_group_bucket_and_worst(ask: Callable[..., pd.DataFrame]) -> None:
    """Red's class is shown as a second green: red images are wrong, green ones tie and so are too.

    Blue ones are right: 1 of the 7 of the north, 2 of the 5 of the south.
    """
    rows = ask(
        kind="group_accuracy", label_set="colours", truth="colour", k=[1], groups=[["region"]],
        buckets={"income": [200, 400]}, design={"rename": {"red": "not green"}}, min_group=2,
    )  # fmt: skip
    north = one(rows, metric="top-1 accuracy", region="north", item="")
    assert (north["n"], north["value"]) == (7, pytest.approx(1 / 7))
    buckets = rows[rows["item"].str.startswith("income")]
    names = ["income below 200", "income 200 to 400", "income 400 and more"]
    assert buckets.loc[buckets["metric"] == "top-1 accuracy", "item"].tolist() == names
    assert buckets.loc[buckets["metric"] == "top-1 accuracy", "n"].tolist() == [4, 4, 4]
    assert set(buckets.loc[buckets["metric"] == "top-1 accuracy", "note"]) == {"cut points 200, 400"}
    worst = rows[rows["metric"] == "worst-group top-1 accuracy"]
    assert (worst["region"].iloc[0], worst["value"].iloc[0]) == ("north", north["value"])
    assert "the lowest of 2 by region" in worst["note"].tolist()[0]


def test_a_bucket_without_an_image_is_unknown_and_says_so(ask: Callable[..., pd.DataFrame]) -> None:
    """Incomes are 0 to 550."""
    rows = ask(kind="group_accuracy", label_set="colours", truth="colour", k=[1], buckets={"income": [600]})
    found = one(rows, metric="top-1 accuracy", item="income 600 and more")
    assert (found["n"], np.isnan(found["value"])) == (0, True)
    assert "fewer than" in found["note"]


def test_k_that_reaches_every_class_measures_nothing(ask: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(UserError, match="every image would be right"):
        ask(kind="group_accuracy", label_set="colours", truth="colour", k=[3, 5], groups=[["region"]])
