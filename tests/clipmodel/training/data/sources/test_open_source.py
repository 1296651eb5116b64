from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from tests.clipmodel.training.support.streamed_data import damaged_table, stream_data, streamed_recipe


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"caption": "captoin"}, "none of the first 20 samples can be used: no caption: .*it has jpg, txt"),
        ({"image": "png"}, "none of the first 20 samples can be used: no image"),
    ],
)
def test_kinds_of_members_that_are_not_there(shards: str, data: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        stream_data(streamed_recipe(shards, **data))


def test_data_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()
    (tmp_path / "empty.tar").touch()
    for source, message in [
        (f"{tmp_path}/a.xyz", r"a\.xyz: a kind of data not known by its name"),
        (f"{tmp_path}/b.tar", r"no training data at .*b\.tar"),
        (
            f"{tmp_path}/empty.tar",
            r"none of the first 1 samples can be used: empty shard: .*\(check data.source\)",
        ),
        (damaged_table(tmp_path, bad=0, good=3), "batch_size 8 is larger than the 3 images"),
    ]:
        with pytest.raises(UserError, match=message):
            stream_data(streamed_recipe(source))
