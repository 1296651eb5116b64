from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.folder import ANNOTATIONS_FILE, FolderDataset, image_ids, part_path, read_part_manifest
from probes.embeddings.shard_files import index_of
from probes.embeddings.withdrawal import WITHDRAWN, forget_in_folder


def test_the_row_stays_and_all_that_is_known_of_the_image_goes(folder: Path, images: TableDataset) -> None:
    names = image_ids(folder)
    before = FolderDataset(folder).embedded(np.arange(10)).vectors[:]
    assert forget_in_folder(folder, [names[2]], [images.content_hash(8)]) == 2
    after = FolderDataset(folder).embedded(np.arange(10))
    assert len(after.rows) == 7 and after.unreadable[2] == after.unreadable[8] == WITHDRAWN
    kept = [place for place, row in enumerate([0, 1, 2, 3, 4, 6, 7, 8, 9]) if row not in (2, 8)]
    np.testing.assert_array_equal(after.vectors[:], before[kept])
    shard = index_of(part_path(folder, 0))
    assert shard is not None and (shard.read(0, 4)[2] == 0).all() and not any(shard.keys[2].tobytes())
    table = pq.read_table(folder / ANNOTATIONS_FILE).to_pandas()
    assert table["image_id"][2] == "withdrawn image 2" and table[["colour", "gender"]].iloc[2].isna().all()
    assert table["image_id"][3] == names[3] and table["colour"][3] == "red"


def test_an_unreadable_image_stays_what_it_was_and_can_go_too(folder: Path) -> None:
    forget_in_folder(folder, [image_ids(folder)[4]])
    manifest = read_part_manifest(folder, 1)
    assert manifest is not None and list(manifest.unreadable) == [4, 5]
    assert manifest.unreadable[4] == WITHDRAWN != manifest.unreadable[5]


def test_an_unknown_id_is_named_and_an_unknown_hash_is_nothing(folder: Path) -> None:
    with pytest.raises(UserError, match="no image is called 'x'"):
        forget_in_folder(folder, ["x"])
    assert forget_in_folder(folder, [], ["ab" * 32]) == 0
