from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit.calibration.bulk_findings import BatchFindings
from audit.calibration.scenarios import BY_NAME
from audit.conclusions.error_control import LEVEL
from tests.audit.calibration.test_bulk_batch import SMALL, batch

WIDE = replace(SMALL, persons=(150, 120, 120), gap=0.7)


def test_adjusted_p_are_holm_over_all_contrasts() -> None:
    own = batch(SMALL)
    p = own.p[0][0]
    adjusted, _ = BatchFindings(own).adjusted(0, p)
    # Holm by hand: the k-th smallest of m p is multiplied with m - k, from 0, and never falls.
    order = np.argsort(p.ravel())
    m = np.count_nonzero(~np.isnan(p))
    by_hand = np.minimum(np.maximum.accumulate(p.ravel()[order][:m] * (m - np.arange(m))), 1)
    np.testing.assert_allclose(adjusted.ravel()[order][:m], by_hand)


def test_a_wide_gap_is_found_and_counted_as_true() -> None:
    found = BatchFindings(batch(WIDE)).row(0)
    assert (found["true_gaps"], found["true_found"]) == (1, 1)
    assert found["findings"] == found["true_found"] + found["false_findings"]
    assert found["exaggeration"] == pytest.approx(1, abs=0.5)


def test_without_any_gap_what_is_found_is_false() -> None:
    own = batch(replace(WIDE, gaps=0))
    for audit, (by_origin, _) in enumerate(BatchFindings(own).found):
        row = BatchFindings(own).row(audit)
        assert row["false_findings"] == np.count_nonzero(by_origin.any(axis=1))
        assert row["true_found"] == 0 and np.isnan(row["exaggeration"])


def test_against_the_rest_a_finding_must_hold_without_the_more_extreme_groups() -> None:
    own = batch(replace(WIDE, reference="(rest)", probes=1))
    findings = BatchFindings(own)
    first = findings.adjusted(0, own.p[0][0])[0] < LEVEL
    # The two equal groups differ from a rest that holds the raised one, and not from each other.
    assert first[0, 0].all()
    assert findings.found[0][0][0, 0].tolist() == [False, False, True]


def test_a_second_attribute_and_held_out_persons_do_not_go_with_each_other() -> None:
    scenario = replace(BY_NAME["persons"], persons=(60, 50, 40), probes=1, gaps=1, gap=0.7, confirm=0.5)
    own = batch(scenario, seeds=tuple(range(3)))
    tones = [bool(by_tone.any()) for _, by_tone in BatchFindings(own).found]
    for audit, found in enumerate(tones):
        if found:
            with pytest.raises(ValueError, match="not both"):
                BatchFindings(own).row(audit)
