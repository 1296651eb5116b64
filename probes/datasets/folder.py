"""Images in folders that are named by a class, or packed into tar files in the manner of WebDataset."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import ID, REASON, DataCard, DemographicDataset, UnreadableImageError
from probes.datasets.files import FileDataset, find

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
FOLDER = "folder"
NO_IMAGE = "the sample has no image"


def _card(name: str, title: str) -> DataCard:
    return DataCard(
        name=name, title=title, version="not stated", licence="not stated", consent="not stated",
        label_provenance="not stated", caution="The data do not say how their labels came about.",
    )  # fmt: skip


def load_image_folder(root: Path) -> FileDataset:
    """A folder of folders of images: the name of the inner folder is the attribute "folder".

    Raises
    ------
    UserError
        The folder is missing, or holds no image in a folder.
    """
    find(root, ".", what="images")
    files = sorted(path for path in root.glob("*/**/*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"{root}: no image in a folder", remedy="sort the images into a folder a class")
    names = [path.relative_to(root).as_posix() for path in files]
    frame = pd.DataFrame({ID: names, FOLDER: [PurePosixPath(name).parts[0] for name in names]})
    return FileDataset(frame, root=root, attributes=[FOLDER], card=_card(root.name, f"Images in {root.name}"))


class TarDataset(DemographicDataset):
    """Images inside tar files, read where they lie.

    Parameters
    ----------
    frame, attributes, card, dropped
        As for `DemographicDataset`.
    places
        [N] the tar file, the offset and the length of each image.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        attributes: list[str],
        card: DataCard,
        places: list[tuple[Path, int, int]],
        dropped: pd.DataFrame,
    ) -> None:
        super().__init__(frame, attributes=attributes, card=card, dropped=dropped)
        self._places = places

    def read_bytes(self, row: int) -> bytes:
        file, offset, length = self._places[row]
        try:
            with file.open("rb") as tar:
                tar.seek(offset)
                return tar.read(length)
        except OSError as error:
            raise UnreadableImageError("the file cannot be read") from error


def load_webdataset(path: Path) -> TarDataset:
    """WebDataset: a .tar file, or a folder of them; each sample is KEY.jpg with its attributes in KEY.json.

    Members that share what stands before the first point of their name are a sample. The strings, numbers and
    truth values of the JSON object are attributes. Samples without an image are dropped and counted.

    Raises
    ------
    UserError
        There is no .tar file, one is damaged or compressed, a JSON member is damaged, a key repeats, or no
        sample has an image and an attribute.
    """
    shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if not shards or not shards[0].is_file():
        raise UserError(f"{path}: no .tar file", remedy="give a .tar file, or the folder of some")
    samples: dict[str, dict[str, Any]] = {}
    images: dict[str, tuple[Path, int, int]] = {}
    for shard in shards:
        for key, kind, member, tar in _members(shard):
            name = key if len(shards) == 1 else f"{shard.stem}/{key}"
            labels = samples.setdefault(name, {})
            if kind in SUFFIXES:
                if name in images:
                    raise UserError(f"{shard}: the sample {key!r} has two images", remedy="keep one")
                images[name] = (shard, member.offset_data, member.size)
            elif kind == ".json":
                labels |= _json_labels(shard, tar, member)
    frame = pd.DataFrame([{ID: name, **labels} for name, labels in samples.items()])
    attributes = [str(name) for name in frame if name != ID]
    there = frame[ID].isin(list(images)) if len(frame) else pd.Series(dtype=bool)
    if not attributes or not there.any():
        raise UserError(
            f"{path}: no sample has an image and an attribute", remedy="write KEY.jpg and KEY.json"
        )
    kept = frame[there].reset_index(drop=True)
    return TarDataset(
        kept,
        attributes=attributes,
        card=_card(path.stem, f"WebDataset {path.name}"),
        places=[images[name] for name in kept[ID]],
        dropped=frame[~there].assign(**{REASON: NO_IMAGE}),
    )


def _members(shard: Path) -> Iterator[tuple[str, str, tarfile.TarInfo, tarfile.TarFile]]:
    """Key, ending, and place of every file of a tar file."""
    try:
        # Not compressed, so that an image can be read from its offset.
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.isfile():
                    folder, name = PurePosixPath(member.name).parent, PurePosixPath(member.name).name
                    key, _, ending = name.partition(".")
                    yield (folder / key).as_posix(), f".{ending.lower()}", member, tar
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{shard}: no .tar file, damaged or compressed", remedy="unpack it") from error


def _json_labels(shard: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, str]:
    content = tar.extractfile(member)
    assert content is not None
    try:
        values = json.loads(content.read())
    except ValueError as error:
        raise UserError(f"{shard}: {member.name} is not JSON", remedy="write it again") from error
    if not isinstance(values, dict):
        raise UserError(f"{shard}: {member.name} is no JSON object", remedy="write attributes by name")
    words = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in words.items()
    }
