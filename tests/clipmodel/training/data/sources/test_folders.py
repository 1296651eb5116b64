from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources.folders import FolderRows
from clipmodel.training.data.sources.random_access import Rows
from clipmodel.training.data.sources.source import Item, Sample, Skipped
from tests.clipmodel.training.support.made_shards import jpeg


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(n))
    return tmp_path


def _all(rows: Rows) -> list[Item]:
    return [rows.read(i) for i in range(len(rows))]


def test_folders_with_captions_beside(folder: Path) -> None:
    (folder / "0.txt").write_text("a text\n")
    (folder / "1.json").write_text(json.dumps({"caption": ["one", "two"], "alt": "three"}))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "x.PNG").write_bytes(b"no image yet")
    (folder / "deeper" / "x.json").write_text("{")
    found = _all(FolderRows(str(folder)))
    assert [type(item) for item in found] == [Sample, Sample, Skipped, Skipped]
    assert [item.captions for item in found if isinstance(item, Sample)] == [("a text\n",), ("one", "two")]
    assert {item.reason for item in found[2:] if isinstance(item, Skipped)} == {"no caption"}
    (keyed,) = [
        item.captions for item in _all(FolderRows(str(folder), caption="alt")) if isinstance(item, Sample)
    ][1:]
    assert keyed == ("three",)


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images"):
        FolderRows(str(tmp_path))
