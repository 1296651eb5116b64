from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.proportion.intervals import adjusted_wilson
from audit.tables.composition import composition_table
from audit.tables.context import TableContext
from tests.audit.support.cluster_rows import cluster_rows, wrong_rows
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})
WRONG = (IMAGES["prediction"] != IMAGES["truth"]).to_numpy()


def test_the_make_up_of_the_events_is_the_other_conditional() -> None:
    table = wrong_rows(
        composition_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES)),
        by="skin_tone",
    )
    for tone in ("light", "medium", "dark"):
        own = (IMAGES["skin_tone"] == tone).to_numpy()
        row = table.loc[tone]
        assert (row["n_events"], row["count"]) == (WRONG.sum(), (WRONG & own).sum())
        assert row["share_of_events"] == pytest.approx((WRONG & own).sum() / WRONG.sum())
        assert row["share_of_images"] == pytest.approx(own.mean())
        # Bayes: P(group | event) / P(group) = P(event | group) / P(event).
        assert row["representation"] == pytest.approx(WRONG[own].mean() / WRONG.mean())
        low, high = adjusted_wilson((WRONG & own).sum(), WRONG.sum())
        assert (row["low"], row["high"]) == pytest.approx((float(low), float(high)))


def test_the_make_up_knows_clusters() -> None:
    images = IMAGES.loc[IMAGES.index.repeat(3)].reset_index(drop=True)
    clusters = cluster_rows(images, np.repeat(np.arange(len(IMAGES)), 3))
    arguments = (naive_counts(images), manifest_of(probe_entry()), ATTRIBUTES)
    table = wrong_rows(composition_table(TableContext.of(*arguments, clusters=clusters)), by="skin_tone")
    alone = wrong_rows(
        composition_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES)),
        by="skin_tone",
    )
    assert alone["design_effect"].eq(1).all()
    # Three copies of an image are one image, and a little less sure for the luck of few clusters.
    np.testing.assert_allclose(table["design_effect"], 3, rtol=0.1)
    np.testing.assert_allclose(table["share_of_events"], alone["share_of_events"])
    np.testing.assert_allclose(table[["low", "high"]], alone[["low", "high"]], atol=0.01)


def test_without_enough_events_there_is_no_make_up() -> None:
    right = IMAGES.assign(prediction=IMAGES["truth"])
    table = wrong_rows(
        composition_table(TableContext.of(naive_counts(right), manifest_of(probe_entry()), ATTRIBUTES)),
        by="skin_tone",
    )
    assert table[["share_of_events", "low", "high", "representation"]].isna().all(axis=None)
    assert set(table["note"]) == {"no event"}
