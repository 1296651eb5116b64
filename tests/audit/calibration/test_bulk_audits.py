from __future__ import annotations

import pytest

from audit.calibration.bulk_audits import bulk_table, detectable_table


def test_audits_with_clusters_raise_few_false_findings_and_cover() -> None:
    table = bulk_table(["persons", "one gap"], audits=100).set_index(["scenario", "figure"])["value"]
    assert table["persons", "audits with a false finding"] <= 0.09
    assert 0.93 <= table["persons", "coverage: rate"] <= 0.985
    assert 0.93 <= table["persons", "coverage: difference"] <= 0.985
    assert table["one gap", "audits with a false finding"] <= 0.09


def test_a_detectable_gap_of_independent_images_is_mostly_found() -> None:
    table = detectable_table(["independent"], audits=100)
    assert table["value"].item() == pytest.approx(0.8, abs=0.14)
