from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.training.recording.resumable_csv import ResumableCsv


def test_a_journal_drops_later_steps_and_torn_lines_and_keeps_shared_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss,old\n1,0.5,x\n2,0.4,x\n3,0.3,x\n4,0.")
    log = ResumableCsv(path, ["step", "loss", "epoch"], step=2)
    log.add({"step": 3, "loss": 0.31, "epoch": 1.5})
    assert path.read_text().split() == ["step,loss,epoch", "1,0.5,", "2,0.4,", "3,0.31,1.5"]
    log.close()
    with pytest.raises(ValueError, match="the first column must be 'step'"):
        ResumableCsv(path, ["loss"], step=0)
