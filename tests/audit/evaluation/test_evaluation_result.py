"""Result files: what CLIP_benchmark and open_clip read, averages over lists, comparison of two models."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from audit.evaluation.evaluation_result import read_result, read_results, write_result
from clipmodel.errors import UserError
from tests.audit.support.evaluation_results import result_of
from tests.support.peers import peer_or_skip


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    result = result_of(tables={"images": pd.DataFrame({"id": ["a"]}), "per_class": pd.DataFrame({"n": [1]})})
    path = write_result(result, tmp_path)
    assert path.name == "cifar10_openai_ViT-B-32_en_zeroshot_classification.json"
    again = read_result(path, tables=["images", "confusion"])
    assert again.metrics["acc1"] == result.metrics["acc1"] and again.details == result.details
    assert list(again.tables) == ["images"]
    assert (tmp_path / "tables" / f"{result.stem}.per_class.csv").is_file()
    assert "NaN" not in path.read_text()


def test_clip_benchmark_builds_its_table_from_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported by it for other tasks, with libraries that the package does not install.
    for name in ("requests", "clip_benchmark.metrics.captioning"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    cli = peer_or_skip("clip_benchmark.cli")
    write_result(result_of(), tmp_path)
    cli.main_build(argparse.Namespace(files=[str(tmp_path)], output=str(tmp_path / "benchmark.csv")))
    with (tmp_path / "benchmark.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["acc1"] == "0.5" and row["acc5"] == "" and row["model_fullname"] == "ViT-B-32 openai"
    assert (row["dataset"], row["task"], row["language"]) == ("cifar10", "zeroshot_classification", "en")


def test_their_files_are_read_by_us(tmp_path: Path) -> None:
    theirs = {
        "dataset": "wds/vtab/dtd", "model": "RN50", "pretrained": "openai", "task": "zeroshot_classification",
        "metrics": {"acc1": 0.4, "acc5": float("nan")}, "language": "en",
    }  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps(theirs))  # with the bare word NaN
    result = read_result(tmp_path / "x.json")
    assert result.dataset == "vtab/dtd" and result.metrics["acc1"].value == 0.4
    assert np.isnan(result.metrics["acc1"].low) and np.isnan(result.metrics["acc5"].value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read"), ('{"model": "x"}', "dataset, pretrained")]
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_result(tmp_path / "x.json")
    with pytest.raises(UserError, match="no evaluation results"):
        read_results(tmp_path / "none")
