from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import UnreadableImageError
from probes.datasets.formats.parquet_images import ParquetImages


def write(path: Path, images: list[object]) -> Path:
    pq.write_table(pa.table({"image": images}), path, row_group_size=2)
    return path


def test_rows_are_counted_through_files_and_groups(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.parquet", [b"0", b"1", b"2"]), write(tmp_path / "b.parquet", [b"3", b"4"])]
    images = ParquetImages(files, "image")
    assert len(images) == 5
    assert [images.read(row) for row in (4, 0, 2, 3, 1)] == [b"4", b"0", b"2", b"3", b"1"]


def test_the_structure_of_the_hub_and_rows_without_an_image(tmp_path: Path) -> None:
    rows = [{"bytes": b"x", "path": None}, {"bytes": None, "path": "a.png"}, None]
    images = ParquetImages([write(tmp_path / "a.parquet", rows)], "image")
    assert images.read(0) == b"x"
    for row in (1, 2):
        with pytest.raises(UnreadableImageError, match="no image"):
            images.read(row)


def test_damage_is_named_at_once_and_a_file_that_goes_away_later(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(UserError, match=r"bad\.parquet: not a parquet file"):
        ParquetImages([tmp_path / "bad.parquet"], "image")
    images = ParquetImages([write(tmp_path / "a.parquet", [b"0"])], "image")
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(UnreadableImageError, match="cannot be read"):
        images.read(0)
