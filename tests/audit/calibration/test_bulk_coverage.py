from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.calibration.bulk_coverage import BatchCoverage
from tests.audit.calibration.test_bulk_batch import SMALL, batch


def test_every_interval_is_counted_once_with_few_clusters_or_without() -> None:
    own = batch(replace(SMALL, persons=(40, 30, 5)))  # 5 persons are few
    counts = BatchCoverage(batch=own, with_bands=False).counts()
    groups, contrasts = own.groups.n[0].size, own.origin.own.n[0].size
    for audit in range(2):
        assert counts["rate_n"][audit] + counts["few_rate_n"][audit] == groups
        assert counts["few_rate_n"][audit] == groups // 3
        assert counts["difference_n"][audit] + counts["few_difference_n"][audit] == contrasts
        for kind in ("rate", "difference", "ratio", "few_rate"):
            assert 0 <= counts[f"{kind}_covered"][audit] <= counts[f"{kind}_n"][audit]
    assert not counts["band_n"].any()


def test_a_truth_that_cannot_be_is_not_covered() -> None:
    own = batch(SMALL)
    own.__dict__["truth"] = np.full_like(own.truth, 2.0)  # a rate of 2, in place of the cached one
    counts = BatchCoverage(batch=own, with_bands=False).counts()
    assert not counts["rate_covered"].any() and counts["rate_n"].all()


def test_bands_are_one_for_each_curve() -> None:
    counts = BatchCoverage(batch=batch(replace(SMALL, probes=1), seeds=(3,))).counts()
    assert counts["band_n"].tolist() == [3]
    assert 0 <= counts["band_covered"][0] <= 3
