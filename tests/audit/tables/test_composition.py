from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.error_control import with_error_control
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    precision_of,
    shortened,
)
from audit.statistics.proportion.intervals import adjusted_wilson
from audit.statistics.proportion.mantel_haenszel import mantel_haenszel_difference, mantel_haenszel_p
from audit.statistics.variation.shrinkage import shrunken_rates
from audit.tables.between_group_variation import variation_table
from audit.tables.composition import composition_table
from audit.tables.context import TableContext
from audit.tables.controlled_gaps import controlled_table
from audit.tables.rates import accuracy_table, gap_table, rate_table
from probes.records import MISSING
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
    with_holes,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})
WRONG = (IMAGES["prediction"] != IMAGES["truth"]).to_numpy()
KEY = {"probe": "work", "design": "default", "template": "plain", "rule": "argmax", "threshold": np.nan}


def wrong_rows(table: pd.DataFrame, *, by: str) -> pd.DataFrame:
    return table[(table["outcome"] == "misclassified") & (table["by"] == by)].set_index("group")


def cluster_rows(images: pd.DataFrame, cluster: np.ndarray) -> pd.DataFrame:
    """`Records.clusters` of the outcome misclassified, by plain sums."""
    wrong = (images["prediction"] != images["truth"]).astype(int)
    keys = [*ATTRIBUTES, "cluster"]
    frame = images.fillna(MISSING).assign(cluster=cluster, wrong=wrong)
    table = frame.groupby(keys)["wrong"].agg(n="size", count="sum").reset_index()
    return table.assign(**KEY, outcome="misclassified")


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


def test_rates_and_gaps_allow_for_clusters() -> None:
    rng = np.random.default_rng(5)
    cluster = rng.integers(0, 150, len(IMAGES))
    # Images of a cluster mostly share their error.
    images = IMAGES.assign(
        prediction=np.where(np.random.default_rng(6).random(150)[cluster] < 0.4, "thief", IMAGES["truth"])
    )
    clusters, counts, manifest = (
        cluster_rows(images, cluster),
        naive_counts(images),
        manifest_of(probe_entry()),
    )
    wrong = (images["prediction"] != images["truth"]).to_numpy()

    def sums(own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tuple(
            np.bincount(cluster[own], weights=w[own], minlength=150) for w in (wrong, np.ones(len(wrong)))
        )

    dark = (images["skin_tone"] == "dark").to_numpy()
    rates = rate_table(TableContext.of(counts, manifest, ATTRIBUTES, clusters=clusters))
    row = rates[
        (rates["outcome"] == "misclassified") & (rates["skin_tone"] == "dark") & (rates["gender"] == "(all)")
    ]
    by_tone = [sums((images["skin_tone"] == t).to_numpy()) for t in ("dark", "light", "medium")]
    x, n = (np.column_stack([one[i] for one in by_tone]) for i in (0, 1))
    moments = ClusterMoments.of(x, n)
    precision = precision_of(moments, common_correlation(moments))
    effect = float(n[:, 0].sum() / precision.effective[0])
    assert effect > 1.2
    assert row["design_effect"].item() == pytest.approx(effect)
    assert row["df"].item() == pytest.approx(precision.freedom[0])
    assert row["clusters"].item() == np.count_nonzero(n[:, 0])
    size = float(shortened(precision.effective[0], precision.freedom[0]))
    low, high = adjusted_wilson(wrong[dark].mean() * size, size)
    assert (row["low"].item(), row["high"].item()) == pytest.approx((float(low), float(high)))
    context = TableContext.of(counts, manifest, ATTRIBUTES, clusters=clusters)
    gaps = wrong_rows(with_error_control(context, gap_table(context)), by="skin_tone")
    assert gaps.loc["dark", "design_effect_group"] == pytest.approx(effect)
    assert 0 < gaps.loc["dark", "correlation"] < 1  # clusters have images on both sides
    context = TableContext.of(counts, manifest, ATTRIBUTES)
    plain = wrong_rows(with_error_control(context, gap_table(context)), by="skin_tone")
    assert (plain["design_effect"] == 1).all()
    assert plain["df_group"].isna().all()
    accuracy = accuracy_table(TableContext.of(counts, manifest, ATTRIBUTES, clusters=clusters))
    overall = accuracy[(accuracy[list(ATTRIBUTES)] == "(all)").all(axis=1)].iloc[0]
    whole = ClusterMoments.of(*(a[:, None] for a in sums(np.ones(len(wrong), bool))))
    expected = len(wrong) / precision_of(whole, common_correlation(whole)).effective[0]
    assert overall["design_effect"] == pytest.approx(expected)
    # The same rate in both tables has the same interval.
    rate = rates[(rates["outcome"] == "misclassified") & (rates[list(ATTRIBUTES)] == "(all)").all(axis=1)]
    assert (1 - rate["high"].item(), 1 - rate["low"].item()) == pytest.approx(
        (overall["low"], overall["high"])
    )


def test_clusters_of_one_image_change_little() -> None:
    clusters = cluster_rows(IMAGES, np.arange(len(IMAGES)))
    counts, manifest = naive_counts(IMAGES), manifest_of(probe_entry())
    plain = wrong_rows(gap_table(TableContext.of(counts, manifest, ATTRIBUTES)), by="skin_tone")
    aware = wrong_rows(
        gap_table(TableContext.of(counts, manifest, ATTRIBUTES, clusters=clusters)), by="skin_tone"
    )
    np.testing.assert_allclose(aware["difference_low"], plain["difference_low"], atol=0.002)


def test_shrunken_rates_stand_beside_the_raw_ones() -> None:
    rates = rate_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES))
    rows = rates[(rates["outcome"] == "misclassified") & (rates["gender"] == "(all)")].set_index("skin_tone")
    tones = rows.drop("(all)")
    np.testing.assert_allclose(tones["shrunk"], shrunken_rates(tones["count"], tones["n"]))
    assert np.isnan(rows.loc["(all)", "shrunk"])
