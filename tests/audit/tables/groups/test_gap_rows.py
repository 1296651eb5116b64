"""The table of gaps read back: the intervals it was written with, and those of another confidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.statistics.proportion.intervals import newcombe
from audit.tables.context import TableContext
from audit.tables.gaps import ratio_interval
from audit.tables.groups.gap_rows import GapRows
from audit.tables.rates import gap_table
from tests.audit.support.cluster_rows import cluster_rows
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, manifest_of, naive_counts, probe_entry

IMAGES = draw_images(600, seed=3, extra={"dark": 0.3})


def gaps_of(reference: str, *, clusters: pd.DataFrame | None = None) -> pd.DataFrame:
    probe = probe_entry(references={"skin_tone": reference}, groups=[["skin_tone"]])
    return gap_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe), ATTRIBUTES, clusters=clusters))


@pytest.mark.parametrize("reference", ["(rest)", "(overall)", "light"])
@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_of_the_table_is_found_again(reference: str, clustered: bool) -> None:
    clusters = cluster_rows(IMAGES, np.arange(600) // 4) if clustered else None
    gaps = gaps_of(reference, clusters=clusters)
    low, high = GapRows.of(gaps).difference(confidence=0.95)
    np.testing.assert_allclose(low, gaps["difference_low"], atol=1e-9)
    np.testing.assert_allclose(high, gaps["difference_high"], atol=1e-9)


def test_another_confidence_is_that_of_the_counts() -> None:
    gaps = gaps_of("light")
    cells = gaps[["count_group", "n_group", "count_reference", "n_reference"]].to_numpy().T
    expected = newcombe(*cells, confidence=0.8)
    np.testing.assert_allclose(GapRows.of(gaps).difference(confidence=0.8), expected, atol=1e-9)


def test_a_ratio_to_all_images_is_found_from_that_to_the_rest() -> None:
    gaps = gaps_of("(overall)")
    rows = GapRows.of(gaps)
    to_the_rest = ratio_interval(
        rows.rates[0], rows.precision[0], rows.rates[1], rows.precision[1], correlation=rows.correlation
    )
    low, high = rows.of_ratio(*to_the_rest)
    np.testing.assert_allclose(low, gaps["ratio_low"], rtol=1e-9)
    np.testing.assert_allclose(high, gaps["ratio_high"], rtol=1e-9)
    assert rows.overall.all()
    # The rest has all images but the group's own.
    np.testing.assert_array_equal(rows.sizes[1], gaps["n_reference"] - gaps["n_group"])


def test_a_row_without_estimates_has_no_images() -> None:
    gaps = gaps_of("light")
    gaps.loc[0, ["rate_group", "rate_reference", "difference"]] = np.nan
    rows = GapRows.of(gaps)
    assert (rows.sizes[0][0], rows.sizes[1][0]) == (0, 0)
    assert np.isnan([limit[0] for limit in rows.difference(confidence=0.95)]).all()
