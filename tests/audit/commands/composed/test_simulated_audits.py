from __future__ import annotations

import pandas as pd
import pytest

from audit.calibration.whole_audits import ROW_COLUMNS
from audit.commands.composed import simulated_audits
from audit.commands.composed.simulated_audits import simulated_rows


def test_chunks_that_are_there_are_not_made_again(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = dict.fromkeys(ROW_COLUMNS, 1) | {"scenario": "persons"}
    file = tmp_path / f"whole-persons-0-{0:06d}.csv"
    pd.DataFrame([row], columns=list(ROW_COLUMNS)).to_csv(file, index=False)
    monkeypatch.setattr(simulated_audits, "_chunk", None)
    assert len(simulated_rows(tmp_path, kind="whole", audits=1, scenarios=["persons"])) == 1


def test_a_chunk_of_a_smaller_study_is_made_anew(tmp_path) -> None:
    smaller = simulated_rows(tmp_path, kind="detectable", audits=2, scenarios=["tens"])
    larger = simulated_rows(tmp_path, kind="detectable", audits=3, scenarios=["tens"])
    assert larger["audit"].tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(larger[:2], smaller)
