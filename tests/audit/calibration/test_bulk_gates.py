from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.calibration.bulk_gates import BatchGates
from tests.audit.calibration.test_bulk_batch import SMALL, batch


def test_a_gap_far_beyond_the_margin_fails_its_gate() -> None:
    # One of two probes has a gap of 70 points at a margin of 10; the other has none.
    own = batch(replace(SMALL, persons=(200, 150, 150), gap=0.7))
    for audit in range(2):
        row = BatchGates(own).row(audit)
        assert row["gates"] == 2
        assert row["gates_wrong_pass"] == row["gates_wrong_fail"] == 0
        assert row["gates_right"] >= 1


def test_with_too_few_clusters_no_gate_is_decided() -> None:
    own = batch(replace(SMALL, persons=(40, 30, 4), gap=0.7))
    limits = BatchGates(own)._limits
    low, high = limits[0]
    few = ~own.origin.contrast.group.enough
    assert few.any()
    assert (np.isnan(low) | (low <= -0.9))[few].all() and (np.isnan(high) | (high >= 0.9))[few].all()
    assert BatchGates(own).row(0)["gates_wrong_pass"] == 0
