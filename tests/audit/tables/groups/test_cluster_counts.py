from __future__ import annotations

import numpy as np
import pytest

from audit.conclusions.error_control import with_error_control
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    precision_of,
    shortened,
    side_correlation,
)
from audit.statistics.proportion.intervals import adjusted_wilson
from audit.tables.context import TableContext
from audit.tables.groups.cluster_counts import OneAgainstSome
from audit.tables.rates import accuracy_table, gap_table, rate_table
from probes.records import MISSING
from tests.audit.support.cluster_rows import cluster_rows, wrong_rows
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
)

IMAGES = draw_images(800, seed=21, extra={"dark": 0.3})


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


@pytest.mark.parametrize("clustered", [True, False])
def test_one_group_against_some_others_by_plain_sums(clustered: bool) -> None:
    """Dark against light and medium, and light against medium alone, of the outcome misclassified."""
    cluster = np.random.default_rng(7).integers(0, 100, len(IMAGES))
    rows = cluster_rows(IMAGES, cluster) if clustered else None
    context = TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES, clusters=rows)
    groups = next(groups for _, groups in context.comparisons() if groups.by == ("skin_tone",))
    row = groups.specifications["outcome"].tolist().index("misclassified")
    place = {name: number for number, name in enumerate(groups.names)}
    asked = [("dark", ("light", "medium")), ("light", ("medium",))]
    sides = OneAgainstSome(
        row=np.array([row, row]),
        group=np.array([place[own] for own, _ in asked]),
        others=np.array([[name in others for name in groups.names] for _, others in asked]),
    )
    found = context.against(groups, sides)
    known = (IMAGES["truth"] != MISSING).to_numpy()
    wrong = (IMAGES["prediction"] != IMAGES["truth"]).to_numpy()

    def sums(tones: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        own = known & IMAGES["skin_tone"].isin(tones).to_numpy()
        return tuple(
            np.bincount(cluster[own], weights=w[own], minlength=100)[:, None] for w in (wrong, known)
        )

    of_tones = [sums((name,)) for name in groups.names]
    rho = common_correlation(ClusterMoments.of(*(np.hstack(part) for part in zip(*of_tones, strict=True))))
    for number, (own, others) in enumerate(asked):
        for side, tones in ((found.group, (own,)), (found.reference, others)):
            x, n = sums(tones)
            expected = precision_of(ClusterMoments.of(x, n), rho).effective if clustered else n.sum(axis=0)
            assert side.effective[number] == pytest.approx(expected)
        correlation = side_correlation(*sums((own,)), *sums(others)) if clustered else 0
        assert found.correlation[number] == pytest.approx(correlation)
    assert sides.images(groups)[1].tolist() == [sums(others)[1].sum() for _, others in asked]
    assert sides.events(groups)[0].tolist() == [sums((own,))[0].sum() for own, _ in asked]
