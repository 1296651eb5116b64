from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings import parts
from probes.embeddings.folder import FolderDataset, part_path, read_job, read_part_manifest
from probes.embeddings.parts import (
    discard,
    job_of,
    lost_by_group,
    make_part,
    prepare,
    remove_drafts,
    unfinished_parts,
)
from probes.embeddings.shard_files import UNFINISHED, index_of
from tests.probes.conftest import FakeModel


def test_a_part_holds_its_rows_and_an_unreadable_image_is_zero(folder: Path, images: TableDataset) -> None:
    manifest = read_part_manifest(folder, 1)
    assert manifest is not None and list(manifest.unreadable) == [5]
    shard = index_of(part_path(folder, 1))
    assert shard is not None
    vectors = shard.read(0, 4)
    assert (vectors[1] == 0).all() and np.allclose(np.linalg.norm(vectors[[0, 2, 3]], axis=1), 1)
    last = index_of(part_path(folder, 2))
    assert last is not None and len(last.read(0, 2)) == 2  # ten images in parts of four


def test_a_part_is_the_same_bytes_whoever_makes_it(folder: Path, images: TableDataset) -> None:
    job, before = read_job(folder), part_path(folder, 0).read_bytes()
    make_part(folder, job, 0, dataset=images, model=FakeModel())
    assert part_path(folder, 0).read_bytes() == before


def test_missing_and_damaged_parts_are_unfinished_and_can_be_discarded(folder: Path) -> None:
    job = read_job(folder)
    assert unfinished_parts(folder, job) == []
    damaged = bytearray(part_path(folder, 1).read_bytes())
    damaged[-30] ^= 1
    part_path(folder, 1).write_bytes(damaged)
    assert unfinished_parts(folder, job) == [1] and unfinished_parts(folder, job, verify=False) == []
    discard(folder, [1])
    assert unfinished_parts(folder, job, verify=False) == [1]
    discard(folder, [1])  # nothing there is no error
    (folder / f"{UNFINISHED}x").write_bytes(b"half")
    remove_drafts(folder)
    assert not list(folder.glob(f"{UNFINISHED}*"))


def test_the_same_job_resumes_and_another_is_refused(
    folder: Path, images: TableDataset, model: FakeModel
) -> None:
    again = prepare(folder, images, model, part_images=4)
    assert again.to_json() == read_job(folder).to_json()
    other = FakeModel()
    other.fingerprint = "e" * 64  # type: ignore[misc]
    for arguments, what in (
        ({"model": other, "part_images": 4}, "another model"),
        ({"model": model, "part_images": 5}, "other part sizes"),
        ({"model": model, "part_images": 4, "dtype": "float16"}, "another precision"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=f"holds embeddings of {what}"):
            prepare(folder, images, **arguments)  # type: ignore[arg-type]


def test_a_folder_of_other_files_is_left_alone(
    images: TableDataset, model: FakeModel, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds files, such as a\.txt"):
        prepare(tmp_path / "notes", images, model)
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["a.txt"]


def test_embeddings_are_not_embedded_again(folder: Path, model: FakeModel) -> None:
    with pytest.raises(UserError, match="holds embeddings, no images"):
        job_of(FolderDataset(folder), model, annotations=b"")


def test_many_missing_files_in_a_row_stop_the_part(
    images: TableDataset, model: FakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LOST_RUN", 3)
    for number in (1, 2, 3):
        (tmp_path / f"{number}.png").unlink()
    job = prepare(tmp_path / "out", images, model, part_images=10)
    with pytest.raises(UserError, match=r"3 images in a row \(rows 1 to 3\) have no file"):
        make_part(tmp_path / "out", job, 0, dataset=images, model=model)
    made = make_part(tmp_path / "out", job, 0, dataset=images, model=model, allow_missing=True)
    assert sorted(made.unreadable) == [1, 2, 3, 5]
    lost = lost_by_group(tmp_path / "out", job)
    women = lost[(lost["attribute"] == "gender") & (lost["value"] == "woman")]
    assert women["n"].sum() == 1  # row 2 of the four
    assert lost[lost["attribute"] == "(all)"]["n"].sum() == 4


def test_nothing_lost_is_an_empty_table(folder: Path) -> None:
    empty = dataclasses.replace(read_job(folder), n_images=4)  # the first part alone
    assert isinstance(lost_by_group(folder, empty), pd.DataFrame) and not len(lost_by_group(folder, empty))
