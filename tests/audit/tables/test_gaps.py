"""Gaps of one grouping: estimates by the functions of the statistics core, and the notes of small sides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.statistics.clusters.cluster_robust import Precision
from audit.statistics.proportion.intervals import katz, koopman, newcombe
from audit.statistics.proportion.tests_of_proportions import two_sided_p
from audit.tables.gaps import (
    CONTRAST_COLUMNS,
    against_the_whole,
    contrast_estimates,
    contrasts,
    difference_interval,
)
from audit.tables.groups.cluster_counts import Contrast, without_clusters
from audit.tables.groups.group_counts import outcome_counts
from audit.tables.groups.group_rows import in_suite_order
from tests.audit.support.naive_counts import ATTRIBUTES, OUTCOMES, naive_counts, probe_entry


def of(*values: float) -> np.ndarray:
    return np.array(values)


def clustered(effective: float, freedom: float) -> Precision:
    return Precision(
        effective=of(effective), freedom=of(freedom), clusters=of(freedom + 1), enough=np.array([True])
    )


def test_estimates_of_independent_images_are_those_of_the_core() -> None:
    found = contrast_estimates(of(8), of(40), of(5), of(50))
    assert found["difference"] == pytest.approx(0.2 - 0.1)
    intervals = [(found[f"{name}_low"], found[f"{name}_high"]) for name in ("difference", "ratio")]
    np.testing.assert_allclose(np.ravel(intervals[0]), newcombe(8, 40, 5, 50))
    np.testing.assert_allclose(np.ravel(intervals[1]), katz(8, 40, 5, 50))
    assert found["ratio"] == pytest.approx(2)
    assert found["p"] == pytest.approx(np.ravel(two_sided_p(8, 40, 5, 50)))
    assert (found["design_effect"], found["correlation"]) == (1, 0)
    assert np.isnan(found["df_group"])  # no degrees of freedom to shorten by


def test_a_zero_cell_has_koopmans_limits_and_infinity_is_nan() -> None:
    found = contrast_estimates(of(0, 3, 0), of(10, 10, 10), of(4, 0, 0), of(20, 20, 20))
    low, high = koopman([0, 3], [10, 10], [4, 0], [20, 20])
    assert (found["ratio"][0], found["ratio_low"][0], found["ratio_high"][0]) == (0, low[0], high[0])
    assert np.isinf(high[1]) and np.isnan(found["ratio_high"][1]) and np.isnan(found["ratio"][1])
    assert found["ratio_low"][1] == low[1]
    # Without any event there is a difference of 0 with a width, and no ratio at all.
    assert (found["difference"][2], np.isnan(found["ratio_low"][2])) == (0, True)
    assert found["difference_low"][2] < 0 < found["difference_high"][2]


def test_an_empty_side_has_no_estimate() -> None:
    found = contrast_estimates(of(3, 0), of(9, 0), of(0, 3), of(0, 9))
    assert all(np.isnan(values).all() for values in found.values())


def test_p_of_clusters_is_where_the_interval_touches_zero() -> None:
    first, second = clustered(22.0, 14.0), clustered(31.0, 19.0)
    contrast = Contrast(group=first, reference=second, correlation=of(0.2))
    p = contrast_estimates(of(20), of(50), of(10), of(60), contrast)["p"].item()
    low, _ = difference_interval(of(0.4), first, of(1 / 6), second, correlation=of(0.2), confidence=1 - p)
    assert 0.01 < p < 0.5
    assert low.item() == pytest.approx(0, abs=1e-6)


def test_too_few_clusters_have_an_interval_and_no_p() -> None:
    few = Precision(effective=of(5.0), freedom=of(1.0), clusters=of(2.0), enough=np.array([False]))
    contrast = Contrast(group=few, reference=clustered(30, 20), correlation=of(0.0))
    found = contrast_estimates(of(4), of(10), of(10), of(60), contrast)
    assert np.isnan(found["p"]).all() and not np.isnan(found["difference_low"]).any()
    assert found["design_effect_group"] == 2  # ten images that tell as much as five


def test_the_whole_by_hand() -> None:
    # 5 of 10 in the group, 6 of 30 in the rest: 11 of 40 in all. Difference .5 - .275; ratio .5 / .275.
    rest = contrast_estimates(of(5), of(10), of(6), of(30))
    whole = against_the_whole(rest, of(10), of(30))
    assert whole["rate_reference"] == pytest.approx(11 / 40)
    assert whole["difference"] == pytest.approx(0.5 - 0.275)
    assert whole["ratio"] == pytest.approx(0.5 / 0.275)
    assert whole["difference_low"] == pytest.approx(0.75 * rest["difference_low"])


IMAGES = pd.DataFrame(
    {"skin_tone": ["light"] * 4 + ["dark"] * 2 + ["medium"] * 4, "gender": "man", "truth": "judge",
     "prediction": ["judge"] * 4 + ["cook"] * 2 + ["cook", "judge", "judge", "judge"]}
)  # fmt: skip


def rows_of(references: dict[str, str]) -> pd.DataFrame:
    probe = probe_entry(groups=[["skin_tone"]], outcomes=OUTCOMES[:1])
    groups = next(groups for groups in outcome_counts(naive_counts(IMAGES), probe) if groups.by)
    rows = contrasts(groups, references=references, least=3, precision=without_clusters)
    return in_suite_order([rows], ATTRIBUTES, CONTRAST_COLUMNS).set_index("group")


def test_a_row_for_each_group_but_the_reference_with_the_reason_for_what_is_missing() -> None:
    rows = rows_of({"skin_tone": "light"})
    assert set(rows.index) == {"dark", "medium"}
    assert rows.loc["dark", "note"] == "fewer than 3 images" and np.isnan(rows.loc["dark", "p"])
    medium = rows.loc["medium"]
    assert (medium["count_group"], medium["n_group"], medium["rate_group"]) == (1, 4, 0.25)
    assert medium["note"] == "no event in the reference: the ratio has no upper limit"
    assert rows_of({"skin_tone": "dark"})["note"].eq("fewer than 3 images in the reference").all()


def test_the_rest_of_a_group_is_everyone_else() -> None:
    rows = rows_of({})
    assert rows["n_reference"].to_dict() == {"light": 6, "dark": 8, "medium": 6}
    assert rows["count_reference"].to_dict() == {"light": 3, "dark": 1, "medium": 2}
    assert rows.loc["light", "difference"] == pytest.approx(0 - 3 / 6)
