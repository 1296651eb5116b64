from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from audit.calibration.detectable_gaps import DETECTABLE_COLUMNS
from audit.calibration.whole_audits import ROW_COLUMNS
from audit.cli import app
from audit.commands.composed import simulated_audits


def test_the_page_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two audits in bulk, of 10 rates each, of which 9 and 10 cover, and one whole audit; nothing is made."""
    monkeypatch.setattr(simulated_audits, "_chunk", None)
    folder = tmp_path / "audits"
    folder.mkdir()
    row = dict.fromkeys(ROW_COLUMNS, 0) | {"scenario": "persons", "rate_n": 10}
    rows = pd.DataFrame([row | {"audit": i, "rate_covered": 9 + i} for i in range(2)])
    rows.to_csv(folder / "bulk-persons-0-000000.csv", index=False)
    rows[1:].to_csv(folder / "whole-persons-0-000000.csv", index=False)
    found = pd.DataFrame([("weak", 0, 0.2, True)], columns=list(DETECTABLE_COLUMNS))
    found.to_csv(folder / "detectable-weak-0-000000.csv", index=False)
    arguments = ["calibrate", "--out", str(tmp_path), "--finished", "--audits", "5", "--bulk", "100"]
    run = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| coverage: rate | 0.950 |" in text
    assert "| 300 persons, 1 to 40 images each | 1 | 1 |" in text
    assert "| 20.0 points | 1.00 | 1.000 |" in text
    assert "Coverage of 95 % intervals" not in text


def test_an_unknown_scenario_is_a_mistake(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["calibrate", "--out", str(tmp_path), "--scenario", "nowhere"])
    assert run.exit_code != 0
    assert "nowhere" in f"{run.output}{run.exception}"
