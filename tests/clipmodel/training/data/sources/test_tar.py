"""Tar and parquet shards: what is a sample, what is skipped and why, and shards that break off."""

from __future__ import annotations

from pathlib import Path

import pytest
import webdataset

from clipmodel.training.data.sources.parquet import ParquetReader
from clipmodel.training.data.sources.source import Item, Sample, Skipped
from clipmodel.training.data.sources.tar import TarReader
from tests.clipmodel.training.support.made_shards import jpeg, numbered, write_tar

Reader = TarReader | ParquetReader


def _read(reader: Reader, shard: Path, *, first: int = 0) -> list[tuple[int, Item]]:
    return list(reader.samples(str(shard), first=first, keep=lambda i: True))


def _captions(items: list[tuple[int, Item]]) -> list[tuple[str, ...]]:
    return [item.captions for _, item in items if isinstance(item, Sample)]


def _reasons(items: list[tuple[int, Item]]) -> list[str]:
    return [item.reason for _, item in items if isinstance(item, Skipped)]


def test_tar_files_that_webdataset_wrote(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with webdataset.TarWriter(str(path)) as writer:
        for n in range(3):
            writer.write({"__key__": f"part/{n}", "jpg": jpeg(n), "json": {"caption": f"image {n}"}})
    found = _read(TarReader(), path)
    assert _captions(found) == [("image 0",), ("image 1",), ("image 2",)]
    assert [item.key for _, item in found] == [f"{path} part/{n}" for n in range(3)]
    assert [item.image for _, item in found if isinstance(item, Sample)] == [jpeg(n) for n in range(3)]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_captions_of_every_kind_and_samples_without(tmp_path: Path, name: str) -> None:
    shard = write_tar(
        tmp_path / name,
        [
            ("a", {"png": b"x", "txt": "text"}),
            ("b", {"jpg": b"x", "json": {"caption": ["one", " ", "two"]}}),
            ("c", {"jpg": b"x"}),
            ("d", {"txt": "no image"}),
            ("e", {"jpg": b"x", "json": "{broken"}),
            ("f.x", {"jpg": b"x", "txt": "dots"}),
            ("g", {"jpg": b"x", "txt": "  "}),
        ],
    )
    found = _read(TarReader(), shard)
    assert _captions(found) == [("text",), ("one", "two")]
    assert _reasons(found) == ["no caption", "no image", "no caption", "no image", "no caption"]
    assert "it has jpg" in str(found[2])
    named = _read(TarReader(image="x.jpg", caption="x.txt"), shard)
    assert _captions(named) == [("dots",)]


def test_reading_goes_on_within_a_shard(tmp_path: Path) -> None:
    for name in ("a.tar", "a.tgz"):
        shard = write_tar(tmp_path / name, numbered(range(6)))
        found = list(TarReader().samples(str(shard), first=2, keep=lambda i: i % 2 == 0))
        assert [i for i, _ in found] == [2, 4]
        assert _captions(found) == [("image number 2",), ("image number 4",)]


@pytest.mark.parametrize("cut", [0.55, 0.7, 0.75, 0.8, 0.9, 0.95])
def test_a_truncated_tar_gives_what_it_still_holds(tmp_path: Path, cut: float) -> None:
    shard = write_tar(tmp_path / "a.tar", numbered(range(8)))
    content = shard.read_bytes()
    end = len(content.rstrip(b"\0"))
    shard.write_bytes(content[: int(end * cut)])
    found = _read(TarReader(), shard)
    assert 2 <= len(_captions(found)) < 8
    last = found[-1][1]
    assert isinstance(last, Skipped) and last.is_shard
    assert last.reason == "shard broken off or damaged"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty shard"),
        (b"\0" * 10240, "empty shard"),
        (b"no tar file at all" * 100, "shard broken off or damaged"),
    ],
)
def test_shards_without_samples(tmp_path: Path, content: bytes, reason: str) -> None:
    shard = tmp_path / "a.tar"
    shard.write_bytes(content)
    assert _reasons(_read(TarReader(), shard)) == [reason]
    assert _reasons(_read(TarReader(), tmp_path / "absent.tar")) == ["shard broken off or damaged"]
