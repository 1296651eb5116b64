from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.evaluation.evaluation_folder import write_report
from audit.evaluation.evaluation_result import write_result
from clipmodel.errors import UserError
from tests.audit.support.evaluation_results import result_of


def test_tables_and_page_are_made_from_the_results(tmp_path: Path) -> None:
    for name, value in (("imagenet1k", 0.6), ("imagenetv2", 0.5), ("stl10", 0.9)):
        write_result(result_of(name, value), tmp_path)
    write_report(tmp_path)
    frame = pd.read_csv(tmp_path / "results.csv")
    assert sorted(frame["dataset"]) == ["imagenet1k", "imagenetv2", "stl10"]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "results.parquet")[["acc1"]], frame[["acc1"]])
    with (tmp_path / "tables" / "openclip_results.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["STL-10"] == "0.9000" and row["CIFAR-10"] == ""
    shifted = pd.read_csv(tmp_path / "tables" / "robustness.csv")
    assert shifted["difference"].tolist() == [pytest.approx(-0.1)]
    assert "stl10" in (tmp_path / "report.html").read_text()


def test_sets_without_a_shift_or_a_column_make_no_such_table(tmp_path: Path) -> None:
    write_result(result_of("own set", 0.5), tmp_path)
    write_report(tmp_path)
    assert not (tmp_path / "tables" / "robustness.csv").exists()
    assert not (tmp_path / "tables" / "openclip_results.csv").exists()
    assert np.isclose(pd.read_csv(tmp_path / "results.csv")["acc1"].item(), 0.5)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no evaluation results"):
        write_report(tmp_path / "none")
