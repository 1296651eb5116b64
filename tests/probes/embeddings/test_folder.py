from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.folder import JOB_FILE, FolderDataset, part_path, read_job, read_part_manifest
from tests.probes.conftest import FakeModel


def test_rows_are_divided_into_parts(folder: Path) -> None:
    job = read_job(folder)
    assert (job.n_images, job.n_parts) == (10, 3)
    assert [list(job.rows(number)) for number in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert read_job(folder).to_json() == (folder / JOB_FILE).read_text()


def test_the_folder_is_the_data_set_it_was_made_of(folder: Path, images: TableDataset) -> None:
    found = FolderDataset(folder)
    assert (len(found), found.sha256, found.card) == (10, images.sha256, images.card)
    assert found.frame["gender"].tolist() == images.frame["gender"].tolist()
    embedded = found.embedded(np.arange(10))
    assert embedded.rows.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9] and list(embedded.unreadable) == [5]


def test_combinations_number_the_values_that_rows_have(folder: Path) -> None:
    found = FolderDataset(folder).combinations
    again = found.frame.iloc[found.code]
    assert again["colour"].tolist()[:3] == ["red", "green", "blue"]
    assert len(found.frame) == 6 and found.n.sum() == 10


def test_only_the_model_that_made_it_may_be_asked(folder: Path, model: FakeModel) -> None:
    dataset = FolderDataset(folder)
    dataset.check_model(model.fingerprint, model.preprocess_id, model.name)
    with pytest.raises(UserError):
        dataset.check_model("0" * 64, model.preprocess_id, model.name)
    with pytest.raises(UserError):
        dataset.check_model(model.fingerprint, "another", model.name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read, or is no JSON"),
        ("[]", "format None, this version reads 1"),
        ('{"format": 2}', "format 2, this version reads 1"),
        ('{"format": 1, "notes": []}', "keys are missing or unknown"),
    ],
)
def test_a_job_that_is_none_is_named(folder: Path, content: str, message: str) -> None:
    (folder / JOB_FILE).write_text(content)
    with pytest.raises(UserError, match=message):
        read_job(folder)
    (folder / JOB_FILE).unlink()
    with pytest.raises(UserError, match="not a folder of embeddings"):
        FolderDataset(folder)


def test_an_unfinished_folder_says_how_far_it_is(folder: Path) -> None:
    assert read_part_manifest(folder, 7) is None
    part_path(folder, 2).with_suffix(".json").unlink()
    with pytest.raises(UserError, match="2 of 3 parts are finished"):
        FolderDataset(folder)


def test_annotations_that_were_changed_are_refused(folder: Path) -> None:
    job = json.loads((folder / JOB_FILE).read_text())
    job["annotations_sha256"] = "0" * 64
    (folder / JOB_FILE).write_text(json.dumps(job))
    with pytest.raises(UserError, match="annotations"):
        FolderDataset(folder)
