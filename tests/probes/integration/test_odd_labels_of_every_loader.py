"""Labels as they come, through every loader of one's own data: one form, one refusal."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets import DemographicDataset, load_dataset
from tests.probes.datasets.conftest import noise

N = 8
GENDER = ["woman", "man"] * (N // 2)
# Forms of one label, and a second one.
ODD = ["A", "A ", " A", "\tA", "A\u200b", "A\xa0", "Z", "Z"]
ACCENTS = ["Caf\u00e9", "Cafe\u0301"] * (N // 2)


def _csv(folder: Path, table: pd.DataFrame, *, ending: str = ".csv", kind: str = "table") -> str:
    separator = "\t" if ending == ".tsv" else ","
    table.to_csv(folder / f"people{ending}", index=False, quoting=1, sep=separator)
    return f"{kind}:{folder / f'people{ending}'}"


def _parquet(folder: Path, table: pd.DataFrame, *, kind: str = "table") -> str:
    table.to_parquet(folder / "people.parquet")
    return f"{kind}:{folder / 'people.parquet'}"


def _predictions(folder: Path, table: pd.DataFrame) -> str:
    return _csv(folder, table.assign(prediction="man"), kind="predictions")


def _scores(folder: Path, table: pd.DataFrame) -> str:
    return _parquet(folder, table.assign(score_man=0.25, score_woman=0.75), kind="predictions")


def _tar(folder: Path, table: pd.DataFrame) -> str:
    with tarfile.open(folder / "people.tar", "w") as archive:
        for i, row in enumerate(table.drop(columns="path").to_dict("records")):
            for name, content in ((f"{i}.jpg", noise(i)), (f"{i}.json", json.dumps(row).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return f"webdataset:{folder / 'people.tar'}"


def _npz(folder: Path, table: pd.DataFrame) -> str:
    rng = np.random.default_rng(0)
    columns = {name: np.array(table[name].tolist()) for name in table}
    np.savez(
        folder / "people.npz", image=rng.normal(size=(N, 4)), text=rng.normal(size=(2, 4)),
        text_name=np.array(["man", "woman"]), **columns,
    )  # fmt: skip
    return f"embeddings:{folder / 'people.npz'}"


def _hugging_face(folder: Path, table: pd.DataFrame) -> str:
    datasets = pytest.importorskip("datasets", reason="the package datasets is an extra")
    values = table.drop(columns="path").to_dict("list")
    values["image"] = [{"bytes": noise(i), "path": None} for i in range(N)]
    features = {name: datasets.Value("string") for name in values} | {"image": datasets.Image()}
    datasets.Dataset.from_dict(values, features=datasets.Features(features)).save_to_disk(folder / "people")
    return f"hugging_face:{folder / 'people'}"


Written = Callable[[Path, pd.DataFrame], str]
LOADERS: dict[str, Written] = {
    "CSV": _csv,
    "TSV": lambda folder, table: _csv(folder, table, ending=".tsv"),
    "parquet": _parquet,
    "predictions": _predictions,
    "scores": _scores,
    "webdataset": _tar,
    "embeddings": _npz,
    "hugging_face": _hugging_face,
}


@pytest.fixture(params=list(LOADERS))
def loaded(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[dict[str, list[str]]], DemographicDataset]:
    """Loads eight people with a gender and further columns, through one loader."""

    def load(columns: dict[str, list[str]]) -> DemographicDataset:
        table = pd.DataFrame({"path": [f"{i}.jpg" for i in range(N)], "gender": GENDER, **columns})
        return load_dataset(LOADERS[request.param](tmp_path, table))

    return load


Load = Callable[[dict[str, list[str]]], DemographicDataset]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_forms_of_one_label_are_one_group(loaded: Load) -> None:
    data = loaded({"race": ODD, "place": ACCENTS})
    assert data.values("race").tolist() == ["A"] * 6 + ["Z"] * 2
    assert set(data.values("place")) == {"Caf\u00e9"}
    assert any("race" in note for note in data.card.notes)


@pytest.mark.parametrize("word", ["(all)", "(missing)"])
def test_words_that_tables_use_are_refused_by_name(loaded: Load, word: str) -> None:
    with pytest.raises(UserError) as caught:
        loaded({"race": [word, *"ABCABCA"]})
    assert repr(word) in caught.value.message and "race" in caught.value.message


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_control_characters_are_replaced(loaded: Load) -> None:
    groups = set(loaded({"race": ["A\x07b", "B"] * (N // 2)}).values("race"))
    assert len(groups) == 2 and all(word.isprintable() for word in groups)


@pytest.mark.parametrize("name", ["value", "rate", "p", "low", "k", "ratio", "note", "reference", "count"])
def test_attributes_may_be_called_like_columns_of_tables(loaded: Load, name: str) -> None:
    assert loaded({name: list("ABABABAB")}).levels(name) == ["A", "B"]


def test_words_that_a_spreadsheet_would_run_are_kept(loaded: Load) -> None:
    formula = "=cmd|' /C calc'!A0"
    assert set(loaded({"race": [formula, "</script>"] * (N // 2)}).values("race")) == {formula, "</script>"}
