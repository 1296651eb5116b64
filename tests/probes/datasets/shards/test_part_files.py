"""The parts of a table in a folder: what is read, in which order, what is left out and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import SUFFIXES
from probes.datasets.shards.part_files import holds_parts, part_files


def fill(folder: Path, *names: str) -> Path:
    """Empty files, and folders if a name ends in a slash."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return folder


def named(folder: Path) -> list[str]:
    return [part.path.relative_to(folder).as_posix() for part in part_files(folder, suffixes=SUFFIXES)]


def test_parts_come_by_name_without_markers_and_hidden_files(tmp_path: Path) -> None:
    """What Spark writes: two parts, a marker, and a checksum a file; what others leave beside them."""
    fill(
        tmp_path, "part-00001-a.c000.snappy.parquet", "part-00000-a.c000.snappy.parquet", "_SUCCESS",
        "._SUCCESS.crc", ".part-00000-a.c000.snappy.parquet.crc", "_metadata", ".DS_Store", "card.yaml",
        ".ipynb_checkpoints/x.csv", "part-00002-a.c000.snappy.PARQUET",
    )  # fmt: skip
    assert named(tmp_path) == [f"part-0000{i}-a.c000.snappy.{e}" for i, e in
                               enumerate(("parquet", "parquet", "PARQUET"))]  # fmt: skip


def test_folders_say_values(tmp_path: Path) -> None:
    """Spark and Arrow write a blank as %20 and a missing value by a long name; a column may begin with _."""
    fill(
        tmp_path, "race=East%20Asian/_sex=F/p.parquet", "race=East%20Asian/_sex=M/p.parquet",
        "race=__HIVE_DEFAULT_PARTITION__/_sex=a%3Db/p.parquet", "_SUCCESS",
    )  # fmt: skip
    parts = part_files(tmp_path, suffixes=SUFFIXES)
    assert [dict(part.values) for part in parts] == [
        {"race": "East Asian", "_sex": "F"}, {"race": "East Asian", "_sex": "M"},
        {"race": None, "_sex": "a=b"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "message", "remedy"),
    [
        ([], "no part of a table in the folder", "left out"),
        (["_SUCCESS", ".x.csv"], "no part of a table in the folder", "left out"),
        (["a.parquet", "b.parquet", "a.csv"], "a.csv: a .csv file among parts that end in .parquet", "move"),
        (["README.txt", "p0.csv", "p1.csv"], "README.txt: a .txt file among parts that end in .csv", "move"),
        (["p0.csv", "p1.csv", "LICENSE"], "LICENSE: a file without an ending among parts", "move it out"),
        (["p0.csv.gz", "p1.csv.gz"], "p0.csv.gz: a compressed file, not a table by its name", "unpack"),
        (["a.parquet", "more/b.parquet"], "more: a folder among the parts", "COLUMN=VALUE"),
        (["a.parquet", "sex=F/b.parquet", "sex=M/b.parquet"], "a.parquet: not in folders sex=...", "same"),
        (["a.csv", "b.csv", "sex=F/c.csv"], "c.csv: in a folder sex=..., others are not", "same folders"),
        (["sex=F/sex=M/a.csv"], "sex=M: the folder is inside another one of 'sex'", "keep one"),
        (["a.parquet", "_delta_log/"], "a Delta table", "write its rows out"),
        (["a.parquet", "_temporary/"], "a job has not finished writing it", "wait for the job"),
    ],
)
def test_what_is_no_table_in_parts_is_refused(
    names: list[str], message: str, remedy: str, tmp_path: Path
) -> None:
    fill(tmp_path, *names)
    with pytest.raises(UserError) as caught:
        part_files(tmp_path, suffixes=SUFFIXES)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_folder_of_images_holds_no_parts(tmp_path: Path) -> None:
    fill(tmp_path, "images/cat/a.jpg", "answers/p.parquet")
    found = {name: holds_parts(tmp_path / name, suffixes=SUFFIXES) for name in ("images", "answers", "no")}
    assert found == {"images": False, "answers": True, "no": False}
