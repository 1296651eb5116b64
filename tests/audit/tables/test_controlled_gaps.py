from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.mantel_haenszel import mantel_haenszel_difference, mantel_haenszel_p
from audit.tables.context import TableContext
from audit.tables.controlled_gaps import controlled_table
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
    with_holes,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})


def wrong_rows(table: pd.DataFrame, *, by: str) -> pd.DataFrame:
    return table[(table["outcome"] == "misclassified") & (table["by"] == by)].set_index("group")


def test_control_takes_away_a_gap_that_the_make_up_makes() -> None:
    # Cooks are misclassified more often, whatever their tone; dark images show cooks more often.
    rng = np.random.default_rng(4)
    tone = rng.choice(["light", "dark"], 3000)
    truth = np.where(rng.random(3000) < np.where(tone == "dark", 0.8, 0.2), "cook", "judge")
    wrong = rng.random(3000) < np.where(truth == "cook", 0.5, 0.1)
    prediction = np.where(wrong, "thief", truth)
    images = pd.DataFrame({"skin_tone": tone, "gender": truth, "truth": truth, "prediction": prediction})
    probe = probe_entry(groups=[["skin_tone"]], control=["gender"])
    counts, manifest = naive_counts(images), manifest_of(probe)
    row = wrong_rows(controlled_table(TableContext.of(counts, manifest, ATTRIBUTES)), by="skin_tone").loc[
        "dark"
    ]
    cells = [
        [int(f(wrong[(tone == t) & (truth == job)])) for job in ("judge", "cook")]
        for t in ("dark", "light")
        for f in (np.sum, len)
    ]
    assert (row["reference"], row["control"], row["strata"], row["share_compared"]) == (
        "light",
        "gender",
        2,
        1,
    )
    expected = [float(v) for v in mantel_haenszel_difference(*cells)]
    assert row[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(expected)
    assert row["p"] == row["p_adjusted"] == pytest.approx(float(mantel_haenszel_p(*cells)))
    assert row["raw_difference"] > 0.2
    assert row["difference_low"] < 0 < row["difference_high"]
    assert abs(row["standardised"]) < 0.04


def test_only_probes_with_a_control_have_controlled_gaps() -> None:
    table = controlled_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES))
    assert len(table) == 0
    assert {"difference", "share_compared", "skin_tone"} <= set(table.columns)
    crossed = probe_entry(control=["gender"], references={"skin_tone": "light"})
    table = controlled_table(
        TableContext.of(naive_counts(with_holes(IMAGES)), manifest_of(crossed), ATTRIBUTES)
    )
    assert set(table["by"]) == {"skin_tone"}
    medium = wrong_rows(table, by="skin_tone").loc["medium"]
    # No image of medium x man: one stratum is left, with all of the group's images.
    assert (medium["reference"], medium["strata"], medium["share_compared"]) == ("light", 1, 1)
