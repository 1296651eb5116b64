"""Eight candidates, four of each gender; the four most similar to the query are women."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from audit.statistics.proportion.intervals import adjusted_wilson
from audit.tables.measure_statistics.family import Family
from audit.tables.measure_statistics.rankings import (
    CONSTANT,
    _candidates,
    biases,
    divergences,
    entropies,
    largest_skews,
    shares,
    smallest_skews,
)
from probes.metrics.ranking import ndkl
from tests.audit.support.scalar_rows import family_of, scalar_rows

SCORES = [8, 7, 6, 5, 4, 3, 2, 1]
GENDER = ["woman"] * 4 + ["man"] * 4
SETTINGS = {"tie_rule": "shared", "zero_rule": "1/K", "reference": "candidates"}


def ranked(k: float = 4.0, *, cluster: list[str] | None = None, **settings: object) -> Family:
    frame = scalar_rows({"red": SCORES}, cluster=cluster, gender=GENDER)
    rows = [{"item": "red", "k": k, "metric": "measure by gender"}]
    return family_of(frame, rows, **{**SETTINGS, **settings})


def by_group(**settings: object) -> Family:
    frame = scalar_rows({"red": SCORES}, gender=GENDER)
    rows = [{"item": "red", "k": 4.0, "gender": name} for name in ("woman", "man")]
    return family_of(frame, rows, by=["gender"], **{**SETTINGS, **settings})


def test_shares_have_the_exact_p_of_a_random_ranking() -> None:
    women, men = shares(by_group())
    # P(4 women of 4) = 1 / C(8, 4) = 1 / 70, twice.
    assert (women["n"], women["value"], men["value"]) == (4, 1, 0)
    assert women["p"] == pytest.approx(2 / 70) and men["p"] == pytest.approx(2 / 70)
    assert women["p_adjusted"] == pytest.approx(2 / 70)  # Benjamini-Hochberg of two equal p
    low, high = adjusted_wilson(4, 4)
    assert (women["low"], women["high"]) == pytest.approx((float(low), float(high)))
    assert women["note"].startswith("50.0% of the candidates")


def test_skews_by_hand() -> None:
    # Women: ln(1 / .5); no man among four counts as one of four: ln(.25 / .5).
    ((largest),) = largest_skews(ranked())
    ((smallest),) = smallest_skews(ranked())
    assert largest["value"] == pytest.approx(math.log(2)) and largest["note"].startswith("woman; ")
    assert smallest["value"] == pytest.approx(math.log(0.5)) and smallest["note"].startswith("man; ")
    # All women or all men have the largest skew: 2 of 70 rankings, as drawn 1,999 times.
    assert largest["p"] == pytest.approx(2 / 70, abs=0.012)


def test_entropy_and_bias_at_their_ends() -> None:
    ((entropy),) = entropies(ranked())
    assert entropy["value"] == 0 and entropy["p"] == pytest.approx(2 / 70, abs=0.012)
    ((bias),) = biases(ranked(bias={"gender": ["woman", "man"]}))
    assert bias["value"] == 1 and bias["high"] == 1 and -1 < bias["low"] < 1
    assert "candidates' own bias +0.00" in bias["note"]


def test_the_divergence_is_that_of_the_whole_ranking() -> None:
    ((row),) = divergences(ranked(np.nan))
    counts = np.column_stack([np.minimum(np.arange(1, 9), 4), np.maximum(np.arange(1, 9) - 4, 0)])
    assert row["value"] == pytest.approx(ndkl(counts.astype(float), np.full(2, 0.5)))
    assert row["p"] < 0.15 and "in nats" in row["note"]


def test_k_of_all_candidates_and_beyond_have_no_value() -> None:
    ((all_of_them),) = entropies(ranked(8.0))
    ((beyond),) = entropies(ranked(9.0))
    assert np.isnan([all_of_them["value"], beyond["value"]]).all()
    assert (all_of_them["note"], beyond["note"]) == (CONSTANT, "8 images, fewer than K")


def test_images_of_a_cluster_move_together() -> None:
    # Two clusters of four: half of the labelings keep the women on top, half put the men there.
    cluster = ["a"] * 4 + ["b"] * 4
    ((row),) = entropies(ranked(cluster=cluster))
    assert row["clusters"] == 2
    assert row["p"] == 1  # every labeling of whole clusters is as extreme
    assert "whole clusters" in row["note"]


def test_a_uniform_reference_expects_equal_shares() -> None:
    frame = scalar_rows({"red": SCORES}, gender=["woman"] * 2 + ["man"] * 6)
    rows = [{"item": "red", "k": 4.0, "metric": "MaxSkew@4 by gender"}]
    settings = {**SETTINGS, "reference": "uniform"}
    ((uniform),) = largest_skews(family_of(frame, rows, **settings))
    ((own),) = largest_skews(family_of(frame, rows, **SETTINGS))
    # Two of the four are women: as many as expected, and twice as many as among the candidates.
    assert uniform["value"] == pytest.approx(0)
    assert own["value"] == pytest.approx(math.log(0.5 / 0.25))


def test_measures_of_the_same_images_and_groups_permute_the_same_labels_once() -> None:
    cluster = ["a", "a", "b", "b", "c", "c", "d", "d"]
    family = ranked(cluster=cluster)
    ((entropy,),) = [entropies(family)]
    drawn = _candidates(family)
    assert "permuted" in vars(drawn)  # kept from the entropy
    ((skew,),) = [largest_skews(family)]
    assert _candidates(family) is drawn
    # What is kept changes nothing: each alone is the same.
    assert entropy == next(iter(entropies(ranked(cluster=cluster))))
    assert skew == next(iter(largest_skews(ranked(cluster=cluster))))
    # Of another seed, or with another reference, they are others.
    assert _candidates(replace(family, seed=1)) is not drawn
    uniform = replace(family, probe={**family.probe, "settings": {**SETTINGS, "reference": "uniform"}})
    assert _candidates(uniform) is drawn  # equal groups are expected to have equal shares either way


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0, 0, 0, 0, 0, 0], [1.0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0]])
def test_counts_by_chance_are_those_of_each_permutation(weights: list[float]) -> None:
    candidates = _candidates(ranked(cluster=["a", "a", "b", "b", "c", "c", "d", "d"]))
    found = candidates.chance_of_counts(np.array(weights))
    for labels, counts in zip(candidates.permuted[:50], found[:50], strict=True):
        for group in (0, 1):
            assert counts[group] == np.array(weights)[labels == group].sum()
    assert candidates.chance_of_counts(np.array(weights)) is found
