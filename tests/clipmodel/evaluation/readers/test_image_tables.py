from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.open_set import open_set
from tests.clipmodel.evaluation.readers.conftest import png


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def labels(found: EvaluationSet) -> list[int]:
    assert found.truth is not None
    return found.truth.tolist()


def test_tables_and_sets_of_the_hub_library(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png(1))
    (tmp_path / "t.csv").write_text("image,label,region\n1.png,dog,north\n1.png,cat,south\n")
    found = opened(f"table:{tmp_path / 't.csv'}", tmp_path)
    assert found.classes == (("cat",), ("dog",)) and labels(found) == [1, 0]
    assert found.images.read_bytes(0) == png(1)
    assert found.metadata is not None and found.metadata["region"].tolist() == ["north", "south"]
    pd.DataFrame({"image": [png(1), png(2)], "caption": [["a", "b"], ["c"]]}).to_parquet(
        tmp_path / "c.parquet"
    )
    assert opened(f"table:{tmp_path / 'c.parquet'}", tmp_path).captions == ("a", "b", "c")
    (tmp_path / "bad.csv").write_text("image,price\n1.png,2\n")
    with pytest.raises(UserError, match="neither labels nor captions"):
        opened(f"table:{tmp_path / 'bad.csv'}", tmp_path)
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["no_dog", "dog"])}
    )
    made = datasets.Dataset.from_dict(
        {"image": [{"bytes": png(1), "path": None}], "label": [1]}, features=features
    )
    made.save_to_disk(str(tmp_path / "saved"))
    hub = opened(f"hf:{tmp_path / 'saved'}", tmp_path)
    assert (
        hub.classes == (("no dog",), ("dog",)) and labels(hub) == [1] and hub.images.read_bytes(0) == png(1)
    )
