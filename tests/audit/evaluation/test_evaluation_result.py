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

from audit.evaluation.comparison import compare_models
from audit.evaluation.estimates import Estimate
from audit.evaluation.evaluation_result import EvaluationResult, read_result, read_results, write_result
from audit.evaluation.interchange import AVERAGE_COLUMN, list_average, open_clip_row, results_frame
from audit.evaluation.robustness import gap_closed, relative_robustness, robustness_table
from clipmodel.errors import UserError
from clipmodel.evaluation.registry.catalogue import set_lists
from tests.support.peers import peer_or_skip


def estimate(value: float, n: int = 1000) -> Estimate:
    return Estimate(value=value, low=value - 0.01, high=value + 0.01, n=n, method="Wilson")


def made(
    dataset: str = "cifar10", value: float = 0.5, *, model: str = "ViT-B-32", **rest: object
) -> EvaluationResult:
    metrics = {
        "acc1": estimate(value),
        "acc5": Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method=""),
    }
    task = "zeroshot_classification"
    return EvaluationResult(
        dataset=dataset, model=model, pretrained="openai", task=task, metrics=metrics, main_metric="acc1",
        details={"seed": 0, "fingerprint": "f"}, **rest,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    result = made(tables={"images": pd.DataFrame({"id": ["a"]}), "per_class": pd.DataFrame({"n": [1]})})
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
    write_result(made(), tmp_path)
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


def test_the_frame_has_their_columns_and_ours() -> None:
    frame = results_frame([made()])
    assert {"acc1", "acc1_low", "acc1_high", "model_fullname", "n", "seed", "fingerprint"} <= set(frame)


# A published row of open_clip's docs/openclip_results.csv (ViT-H-14-378-quickgelu, dfn5b).
AVERAGE = 0.7079
PUBLISHED = {
    "ImageNet 1k": 0.8437, "Caltech-101": 0.9517, "CIFAR-10": 0.9880, "CIFAR-100": 0.9043,
    "CLEVR Counts": 0.3596, "CLEVR Distance": 0.2085, "Country211": 0.3787, "Describable Textures": 0.7106,
    "EuroSAT": 0.6133,
    "FGVC Aircraft": 0.7219, "Food-101": 0.9623, "GTSRB": 0.6782, "ImageNet Sketch": 0.7324,
    "ImageNet v2": 0.7833, "ImageNet-A": 0.7964, "ImageNet-O": 0.3810, "ImageNet-R": 0.9376,
    "KITTI Vehicle Distance": 0.3966, "MNIST": 0.8364, "ObjectNet": 0.7340, "Oxford Flowers-102": 0.8935,
    "Oxford-IIIT Pet": 0.9696, "Pascal VOC 2007": 0.8241, "PatchCamelyon": 0.6964, "Rendered SST2": 0.5546,
    "RESISC45": 0.7589, "Stanford Cars": 0.9598, "STL-10": 0.9906, "SUN397": 0.7733, "SVHN": 0.6739,
    "Flickr": 0.8801, "MSCOCO": 0.6376, "WinoGAViL": 0.5674, "iWildCam": 0.2205, "Camelyon17": 0.7211,
    "FMoW": 0.2075, "Dollar Street": 0.7173, "GeoDE": 0.9349,
}  # fmt: skip


def published_values() -> dict[str, dict[str, float]]:
    members = set_lists()["datacomp38"].members
    assert {member.column for member in members} == set(PUBLISHED)
    return {member.set: {member.metric: PUBLISHED[member.column]} for member in members}


def test_the_average_over_38_sets_is_open_clips() -> None:
    found = list_average(published_values(), "datacomp38")
    assert found.value == pytest.approx(AVERAGE, abs=5e-5) and not found.missing


def test_an_average_names_what_is_missing() -> None:
    values = published_values()
    del values["dtd"], values["geode"]
    found = list_average(values, "datacomp38")
    assert np.isnan(found.value) and list(found.missing) == ["dtd", "geode"] and len(found.present) == 36


def test_a_row_for_open_clips_table() -> None:
    row = open_clip_row([made("cifar10", 0.9), made("stl10", 0.8)], parameters=151_277_313)
    assert list(row)[:5] == ["name", "pretrained", "params (M)", "FLOPs (B)", AVERAGE_COLUMN]
    assert sorted(list(row)[5:]) == sorted(PUBLISHED) and row["params (M)"] == 151.28
    assert (row["CIFAR-10"], row["STL-10"]) == (0.9, 0.8) and np.isnan(row[AVERAGE_COLUMN])
    with pytest.raises(ValueError, match="of one model"):
        open_clip_row([made(), made(model="RN50")])


def with_images(dataset: str, right: list[bool], model: str) -> EvaluationResult:
    ids = [f"i{row}" for row in range(len(right))]
    return made(
        dataset, model=model, tables={"images": pd.DataFrame({"id": ids, "acc1": right, "cluster": ids})}
    )


def test_two_models_are_compared_set_by_set() -> None:
    # 8 images change on the first set, all one way: p = 2 / 2^8; on the second none. Holm doubles the first.
    first = [with_images("a", [True] * 10, "A"), with_images("b", [True] * 5, "A")]
    second = [with_images("a", [False] * 8 + [True] * 2, "B"), with_images("b", [True] * 5 + [False], "B")]
    table = compare_models(first, second)
    assert table["difference"].tolist() == [0.8, 0.0] and table["n"].tolist() == [10, 5]
    assert table["p"].tolist() == [2 / 2**8, 1.0] and table["p_adjusted"].tolist() == [4 / 2**8, 1.0]
    assert table["note"].tolist() == ["", "1 answers of only one model left out"]
    with pytest.raises(UserError, match="no set and task in common"):
        compare_models(first[:1], second[1:])


def test_robustness_of_results() -> None:
    results = [made("imagenet1k", 0.63302), made("imagenetv2", 0.5621), made("imagenet-r", 0.6926)]
    table = robustness_table(
        [*results, made("imagenet1k", 0.7, model="B"), made("imagenetv2", 0.65, model="B")]
    )
    v2 = table[(table["shift"] == "imagenetv2") & (table["model"] == "ViT-B-32 openai")].iloc[0]
    assert v2["effective"] == pytest.approx(0.0582, abs=1e-4) and v2["in_range"]
    assert v2["effective_low"] < v2["effective"] < v2["effective_high"]
    assert v2["difference"] == pytest.approx(0.5621 - 0.63302) and v2["baseline_models"] == 85
    on_all = table[table["shift"] == "imagenet-r"].iloc[0]
    assert on_all["id_set"] == "imagenet1k" and "not from the same classes" in on_all["note"]
    change = relative_robustness(table, before="ViT-B-32 openai", after="B openai")
    assert change["relative"].tolist() == [pytest.approx(0.65 - 0.5621)]
    assert gap_closed(0.8, 0.7, 0.6) == pytest.approx(0.5) and np.isnan(gap_closed(0.5, 0.5, 0.6))
