"""Annotations joined by DuckDB, against a merge by pandas."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.embeddings import joined_annotations
from probes.embeddings.folder import FolderDataset, part_path
from probes.embeddings.joined_annotations import Join, join_annotations

pytest.importorskip("duckdb")


def table_of(folder: Path, name: str = "labels.parquet") -> Path:
    """Of ten images all but one have a row; a row has no image, and one a value with blanks."""
    ids = FolderDataset(folder).frame["image_id"].tolist()
    people = pd.DataFrame(
        {
            "image": [*reversed(ids[1:]), "nobody.png"],
            "race": ["a", " b ", "a", "b", "", "b", "a", "b", "a", "b"],
            "gender": ["x"] * 10,
            "person": [f"p{number // 2}" for number in range(10)],
        }
    )
    path = folder.parent / name
    people.to_parquet(path) if path.suffix == ".parquet" else people.to_csv(path, index=False)
    return path


def join_of(path: Path, *attributes: str, cluster: str | None = "person") -> Join:
    return Join(tables=[path], key="image", attributes=attributes or ("race",), cluster=cluster)


@pytest.mark.parametrize("name", ["labels.parquet", "labels.csv"])
def test_each_image_gets_its_own_row(folder: Path, name: str, tmp_path: Path) -> None:
    path = table_of(folder, name)
    found = join_annotations(folder, join_of(path), out=tmp_path / "new")
    assert (found.n_images, found.n_annotated, found.n_unused) == (10, 9, 1)
    old, new = FolderDataset(folder), FolderDataset(tmp_path / "new")
    labels = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path)
    labels["race"] = labels["race"].str.strip().replace("", np.nan)
    expected = old.frame[["image_id"]].merge(labels, left_on="image_id", right_on="image", how="left")
    assert new.frame["image_id"].tolist() == old.frame["image_id"].tolist()
    for column in ("race", "person"):
        assert new.frame[column].fillna("-").tolist() == expected[column].fillna("-").tolist()
    # What was there stays; an old attribute of a new name does not.
    assert new.attributes == [*old.attributes, "race"]
    assert new.frame["colour"].tolist() == old.frame["colour"].tolist()
    assert new.card.cluster == "person" and new.sha256 != old.sha256
    assert "9 of 10 images have a row" in new.card.notes[-2]
    assert new.card.notes[-1].startswith("1 label of race evened out")


def test_an_attribute_of_the_same_name_is_replaced(folder: Path, tmp_path: Path) -> None:
    join_annotations(folder, join_of(table_of(folder), "gender"), out=tmp_path / "new")
    new = FolderDataset(tmp_path / "new")
    assert new.attributes.count("gender") == 1
    assert new.frame["gender"].fillna("-").tolist() == ["-"] + 9 * ["x"]


def test_parts_are_links_and_rows_keep_their_embeddings(folder: Path, tmp_path: Path) -> None:
    join_annotations(folder, join_of(table_of(folder)), out=tmp_path / "new")
    assert part_path(folder, 0).samefile(part_path(tmp_path / "new", 0))
    old, new = (FolderDataset(path).embedded(np.arange(10)) for path in (folder, tmp_path / "new"))
    np.testing.assert_array_equal(old.vectors[:], new.vectors[:])
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (tmp_path / "new").iterdir()
    )


def test_the_same_join_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    path = table_of(folder)
    for name in ("one", "two"):
        join_annotations(folder, join_of(path), out=tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


def test_two_rows_of_an_image_are_refused(folder: Path, tmp_path: Path) -> None:
    path = table_of(folder)
    people = pd.read_parquet(path)
    pd.concat([people, people.iloc[[3]]]).to_parquet(path)
    with pytest.raises(UserError, match="2 rows of the image"):
        join_annotations(folder, join_of(path), out=tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


def test_mistakes_are_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table_of(folder)
    with pytest.raises(UserError, match="no column 'nation'") as told:
        join_annotations(folder, join_of(path, "nation"), out=tmp_path / "new")
    assert "image, race, gender, person" in (told.value.remedy or "")
    with pytest.raises(UserError, match="no person is the id of an image") as told:
        join_annotations(folder, Join(tables=[path], key="person", attributes=["race"]), out=tmp_path / "new")
    assert "--key" in (told.value.remedy or "")
    with pytest.raises(UserError, match="holds files"):
        join_annotations(folder, join_of(path), out=folder)
    monkeypatch.setattr(joined_annotations, "MOST_LABELS", 1)
    with pytest.raises(UserError, match="more than 1 values"):
        join_annotations(folder, join_of(path), out=tmp_path / "new")
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UserError, match="cannot be joined"):
        join_annotations(folder, join_of(path), out=tmp_path / "new")


def test_without_duckdb_the_remedy_names_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UserError, match="DuckDB") as told:
        join_annotations(folder, join_of(table_of(folder)), out=tmp_path / "new")
    assert "clip-audit[scale]" in (told.value.remedy or "")
