from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audit.calibration.scenarios import BY_NAME
from audit.calibration.whole_audits import ROW_COLUMNS, agreement_of, row_of, summary_of
from audit.commands.composed.simulated_audits import audit_of

SMALL = replace(BY_NAME["gaps"], persons=(60, 50, 50), probes=2, gaps=1, gap=0.6)


@pytest.mark.slow
def test_an_audit_goes_through_the_door_and_is_counted_against_the_truth() -> None:
    row = row_of(audit_of(SMALL, seed=3), SMALL, audit=0)
    assert set(row) == set(ROW_COLUMNS)
    # Two probes x three groups, under argmax and two thresholds.
    assert (row["rate_n"], row["difference_n"], row["band_n"]) == (18, 12, 6)
    assert (row["true_gaps"], row["true_found"], row["false_findings"]) == (1, 1, 0)
    assert row["rate_covered"] >= 14


def test_a_summary_by_hand() -> None:
    rows = pd.DataFrame(
        [dict.fromkeys(ROW_COLUMNS, 0) | {"scenario": "persons", "audit": i} for i in range(4)]
    )
    rows["rate_n"], rows["rate_covered"] = 10, [9, 10, 9, 10]
    rows["false_findings"] = [0, 0, 2, 0]
    found = summary_of(rows).set_index("figure")
    assert found.loc["coverage: rate", "value"] == pytest.approx(38 / 40)
    assert found.loc["audits with a false finding", "value"] == 0.25
    assert found.loc["audits with a false finding", "high"] > 0.8


def test_agreement_by_hand() -> None:
    """Of audits 0 and 1 one differs from the bulk audit of its number; bands may be missing there."""
    one = dict.fromkeys(ROW_COLUMNS, 1.0) | {"scenario": "few", "exaggeration": np.nan}
    whole = pd.DataFrame([one | {"audit": i} for i in range(2)])
    bulk = pd.DataFrame([one | {"audit": i, "band_n": 0, "findings": 1 + (i == 1)} for i in range(3)])
    assert agreement_of(whole, bulk).to_numpy().tolist() == [["few", 2, 1]]
