from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from clipmodel.training.data.sources.random_access import MISSING, UNREADABLE, RowSource, read_sample
from clipmodel.training.data.sources.source import Item, Sample, Skipped, Substream


class Numbers:
    """Rows that are their own number."""

    name = "numbers"

    def __init__(self, n: int) -> None:
        self.n, self.unusable = n, [Skipped("x", "no caption")]

    def __len__(self) -> int:
        return self.n

    def read(self, row: int) -> Item:
        return Sample(str(row), b"", ("a",))


def keys(source: RowSource, substream: Substream, n: int, start: tuple[int, ...] = (0,)) -> list[str]:
    return [item.key for item, _ in islice(source.stream(substream, start), n)]


@pytest.mark.parametrize("substreams", [1, 3])
def test_each_pass_gives_every_row_to_one_substream(substreams: int) -> None:
    source = RowSource(Numbers(12))
    own = [
        keys(source, Substream(number=i, of=substreams, seed=5), 24 // substreams) for i in range(substreams)
    ]
    for turn in range(2):
        half = slice(turn * 12 // substreams, (turn + 1) * 12 // substreams)
        assert sorted((key for substream in own for key in substream[half]), key=int) == [
            str(i) for i in range(12)
        ]
    assert own[0][: 12 // substreams] != own[0][12 // substreams :]  # another order in the second pass


def test_a_substream_resumes_from_a_position_and_a_seed_is_an_order() -> None:
    source, substream = RowSource(Numbers(7)), Substream(number=0, of=1, seed=1)
    whole = keys(source, substream, 20)
    position = list(islice(source.stream(substream, source.start), 9))[-1][1]
    assert keys(source, substream, 11, position) == whole[9:]
    assert keys(source, Substream(number=0, of=1, seed=2), 20) != whole
    assert source.passes((9,), 1) == pytest.approx(9 / 7) and source.passes((3,), 2) == pytest.approx(6 / 7)


def test_first_items_and_what_cannot_be_used_are_the_rows_own() -> None:
    source = RowSource(Numbers(3))
    assert [item.key for item in source.first_items()] == ["0", "1", "2"]
    assert (source.size, source.shards, source.unusable[0].key) == (3, 0, "x")


def test_a_missing_or_unreadable_image_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"x")
    assert read_sample(str(tmp_path / "1.jpg"), ("a",)) == Sample(str(tmp_path / "1.jpg"), b"x", ("a",))
    absent, folder = read_sample(str(tmp_path / "2.jpg"), ("a",)), read_sample(str(tmp_path), ("a",))
    assert isinstance(absent, Skipped) and absent.reason == MISSING
    assert isinstance(folder, Skipped) and folder.reason == UNREADABLE
