from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.tables.between_group_variation import variation_table
from audit.tables.context import TableContext
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})


WRONG = (IMAGES["prediction"] != IMAGES["truth"]).to_numpy()


def test_the_spread_names_the_extremes_and_takes_off_sampling() -> None:
    table = variation_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES))
    rows = table[table["outcome"] == "misclassified"].set_index("by")
    rates = pd.Series(WRONG).groupby(IMAGES["skin_tone"]).mean()
    row = rows.loc["skin_tone"]
    assert (row["groups"], row["n"], row["lowest"], row["highest"]) == (
        3,
        800,
        rates.idxmin(),
        rates.idxmax(),
    )
    assert row["sd_observed"] == pytest.approx(rates.std(ddof=1))
    assert 0 < row["sd_low"] < row["sd"] < row["sd_observed"] < row["sd_high"]
    # Gender makes no difference, and two groups always differ a little.
    assert rows.loc["gender", "sd_low"] == 0
    assert rows.loc["gender", "p"] > 0.05


def test_the_spread_of_small_absent_and_equal_groups_says_why_it_is_missing() -> None:
    few = IMAGES.groupby(["skin_tone"]).head(2)
    for images, reason in (
        (IMAGES.assign(skin_tone=None), "fewer than two groups with enough images"),
        (few, "fewer than two groups with enough images"),
        (IMAGES.assign(prediction=IMAGES["truth"]), "the rates do not vary in any replicate"),
    ):
        table = variation_table(TableContext.of(naive_counts(images), manifest_of(probe_entry()), ATTRIBUTES))
        row = table[(table["outcome"] == "misclassified") & (table["by"] == "skin_tone")].iloc[0]
        assert np.isnan([row["sd_low"], row["sd_high"]]).all()
        assert row["note"] == reason
