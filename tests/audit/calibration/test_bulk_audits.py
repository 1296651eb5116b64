from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audit.calibration.bulk_audits import batch_rows, bulk_rows
from audit.calibration.bulk_batch import Batch
from audit.calibration.bulk_findings import BatchFindings
from audit.calibration.detectable_gaps import detectable_rows, detectable_summary, smallest_gaps
from audit.calibration.scenarios import BY_NAME, Scenario, drawn
from audit.calibration.whole_audits import ROW_COLUMNS, row_of, summary_of
from audit.commands.composed.simulated_audits import audit_of

SMALL = replace(BY_NAME["gaps"], persons=(60, 40, 30), probes=2, gaps=1, gap=0.4)
LIKE_WHOLE: dict[str, tuple[Scenario, int]] = {
    "named reference": (SMALL, 3),
    "three kinds differ from the rest": (
        replace(SMALL, persons=(50, 40, 40, 60), reference="(rest)", gap=0.6), 5,
    ),
    "a second attribute, few clusters": (
        replace(BY_NAME["persons"], persons=(40, 30, 6), probes=2), 4,
    ),
    "held-out persons": (replace(SMALL, persons=(80, 60, 60), confirm=0.5), 6),
    "survey weights": (replace(BY_NAME["weighted gaps"], persons=(60, 40, 30), probes=2, gaps=1), 8),
    "independent": (
        replace(BY_NAME["independent"], persons=(300, 200, 60), probes=1, gaps=1, reference="g0"), 7,
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", LIKE_WHOLE)
def test_a_bulk_audit_and_a_whole_one_give_the_same_numbers(case: str) -> None:
    """p, intervals, the detectable gap and the counted row of an audit read as a table of predictions."""
    scenario, seed = LIKE_WHOLE[case]
    result = audit_of(scenario, seed=seed)
    batch = Batch.of(scenario, [drawn(scenario, seed=seed)], [seed])
    assert _same(next(batch_rows(batch)) | {"audit": 0}, row_of(result, scenario, audit=0))
    gaps = result.gaps[result.gaps["by"] == "origin"]
    estimates = batch.origin.estimates
    for name in ("difference_low", "difference_high", "ratio_low", "ratio_high", "p"):
        np.testing.assert_allclose(estimates[name].ravel(), gaps[name], rtol=1e-9)
    argmax = gaps[gaps["rule"] == "argmax"]
    if not scenario.selection:
        np.testing.assert_allclose(smallest_gaps(batch).ravel(), argmax["smallest_detectable"], rtol=1e-9)
    found = BatchFindings(batch).found[0][0].ravel()
    np.testing.assert_array_equal(found, (gaps["p_adjusted"] < 0.05).to_numpy())


def test_the_detectable_gap_of_weighted_audits_is_not_simulated() -> None:
    scenario = replace(BY_NAME["weighted"], persons=(20, 20), probes=1)
    batch = Batch.of(scenario, [drawn(scenario, seed=0)], [0])
    with pytest.raises(ValueError, match="survey weights"):
        smallest_gaps(batch)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    assert set(one) == set(other) == set(ROW_COLUMNS)
    return all(one[name] == other[name] or np.isnan(one[name]) & np.isnan(other[name]) for name in one)


def test_the_rows_of_a_chunk_do_not_depend_on_the_others() -> None:
    whole = bulk_rows(SMALL, audits=4)
    parts = [bulk_rows(SMALL, audits=2, start=start) for start in (0, 2)]
    for one, part in zip((whole[:2], whole[2:]), parts, strict=True):
        assert one.reset_index(drop=True).equals(part)


def test_audits_with_clusters_raise_few_false_findings_and_cover() -> None:
    rows = bulk_rows(replace(BY_NAME["persons"], probes=2), audits=60)
    table = summary_of(rows).set_index("figure")["value"]
    assert table["audits with a false finding"] <= 0.1
    for kind in ("rate", "difference", "ratio"):
        assert 0.92 <= table[f"coverage: {kind}"] <= 0.99


def test_the_detectable_gap_is_mostly_found() -> None:
    """120 audits: three standard errors about .8 are .69 and .91."""
    rows = detectable_rows(replace(BY_NAME["tens"], probes=1), audits=120)
    summary = detectable_summary(rows).iloc[0]
    assert summary["of"] == 120
    assert summary["printed"] == 1
    assert 0.69 <= summary["found"] <= 0.91
    assert summary["low"] < summary["found"] < summary["high"]
