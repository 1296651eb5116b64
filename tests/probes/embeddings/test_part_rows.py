from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.folder import FolderDataset, part_path
from probes.embeddings.part_rows import PartRows
from tests.probes.conftest import FakeModel


def rows_of(folder: Path, rows: list[int]) -> PartRows:
    vectors = FolderDataset(folder).embedded(np.array(rows)).vectors
    assert isinstance(vectors, PartRows)
    return vectors


def expected(images: TableDataset, rows: list[int]) -> np.ndarray:
    model = FakeModel()
    pixels = [model.preprocess(images.open_image(row)) for row in rows]
    return np.concatenate([model.encode_image(each[None]).numpy() for each in pixels])


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [1, 4, 8, 9], [6, 7]])
def test_rows_are_read_from_the_parts_they_lie_in(
    folder: Path, images: TableDataset, rows: list[int]
) -> None:
    found = rows_of(folder, rows)
    assert len(found) == len(rows)
    np.testing.assert_allclose(found[:], expected(images, rows), atol=1e-6)
    np.testing.assert_allclose(found[1:], expected(images, rows[1:]), atol=1e-6)
    np.testing.assert_allclose(found.take(np.array([1, 0]))[:], expected(images, rows[1::-1]), atol=1e-6)


def test_content_keys_are_the_hashes_of_the_images(folder: Path, images: TableDataset) -> None:
    keys = np.concatenate(list(rows_of(folder, [0, 3, 9]).content_keys()))
    assert [key.tobytes().hex() for key in keys] == [images.content_hash(row) for row in (0, 3, 9)]


def test_a_damaged_or_missing_part_is_named_when_it_is_touched(folder: Path) -> None:
    data = FolderDataset(folder)
    damaged = bytearray(part_path(folder, 1).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    part_path(folder, 1).write_bytes(damaged)
    part_path(folder, 2).unlink()
    assert len(data.embedded(np.array([0])).vectors[:]) == 1  # the first part is sound
    for row, said in ((4, "part-000001.arrow: damaged"), (8, "part-000002.arrow: cannot be read")):
        with pytest.raises(UserError, match=re.escape(said)):
            data.embedded(np.array([row]))


def test_rows_go_to_a_process_in_another_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(folder.parent)
    own = rows_of(Path(folder.name), [0, 4, 9])
    sent = pickle.dumps(own)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    np.testing.assert_array_equal(pickle.loads(sent)[:], rows_of(folder, [0, 4, 9])[:])
