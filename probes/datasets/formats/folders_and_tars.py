"""Images in folders that are named by a class, or packed into tar files in the manner of WebDataset."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from probes.datasets.annotation_tables import first_of
from probes.datasets.cards import DataCard, describe, unknown_card
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON, DemographicDataset, UnreadableImageError
from probes.datasets.file_dataset import FileDataset, find
from probes.datasets.formats.table import CLUSTER_COLUMNS
from probes.datasets.image_paths import find_images, image_suffixes, printable, unread_images

FOLDER = "folder"
NO_IMAGE, NO_FOLDER = "the sample has no image", "the image is in no folder of a class"
CAUTION = "The data do not say how their labels came about."
CLASS = ".cls"  # the ending of a member that holds the class alone


def load_image_folder(root: Path) -> FileDataset:
    """A folder of folders of images: the names of the folders are attributes.

    The outermost folder gives the attribute "folder", those inside it "folder_2" and so on. Images that lie
    in no folder are dropped and counted. card.yaml in the folder may say where the labels come from.

    Raises
    ------
    UserError
        The folder is missing, or holds no image in a folder.
    """
    find(root, ".", what="images")
    names = [path.relative_to(root).as_posix() for path in find_images(root)]
    placed = [name for name in names if "/" in name]
    if not placed:
        raise UserError(f"{root}: no image in a folder", remedy="sort the images into a folder per class")
    levels = max(name.count("/") for name in placed)
    attributes = [FOLDER, *(f"{FOLDER}_{level}" for level in range(2, levels + 1))]
    parts = [printable(name).split("/")[:-1] for name in placed]
    frame = pd.DataFrame([row + [None] * (levels - len(row)) for row in parts], columns=attributes)
    frame.insert(0, ID, [printable(name) for name in placed])
    unread = ", ".join(f"{n:,} of {ending}" for ending, n in unread_images(root).items())
    note = f"Images of formats that are not read: {unread}; convert them to JPEG or PNG."
    return FileDataset(
        frame,
        root=root,
        files=placed,
        attributes=attributes,
        card=unknown_card(
            root.name, f"Images in {root.name}", caution=CAUTION, notes=(note,) if unread else ()
        ),
        dropped=pd.DataFrame({REASON: [NO_FOLDER] * (len(names) - len(placed))}),
    )


class TarDataset(DemographicDataset):
    """Images inside tar files, read where they lie.

    Parameters
    ----------
    frame, attributes, card, orders, dropped
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
        orders: Mapping[str, Sequence[str]],
        places: list[tuple[Path, int, int]],
        dropped: pd.DataFrame,
    ) -> None:
        super().__init__(frame, attributes=attributes, card=card, orders=orders, dropped=dropped)
        self._places = places

    def read_bytes(self, row: int) -> bytes:
        file, offset, length = self._places[row]
        try:
            with file.open("rb") as tar:
                # Opened anew for each image: one handle shared by the reading threads would share its
                # position.
                tar.seek(offset)
                return tar.read(length)
        except OSError as error:
            raise UnreadableImageError("the file cannot be read") from error


def load_webdataset(path: Path) -> TarDataset:
    """WebDataset: a .tar file, or a folder of them; a sample is KEY.jpg with KEY.json, KEY.cls or both.

    Members that share what stands before the first point of their name are a sample. The strings, numbers and
    truth values of the JSON object are attributes, and so is the class of KEY.cls, as "cls". Samples without
    an image are dropped and counted; what else a sample holds is noted.

    Raises
    ------
    UserError
        There is no .tar file, one is damaged or compressed, a JSON member is damaged, a key repeats, or no
        sample has an image and an attribute.
    """
    shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if not shards or not shards[0].is_file():
        raise UserError(f"{path}: no .tar file", remedy="give a .tar file, or the folder of some")
    samples: dict[str, dict[str, str]] = {}
    images: dict[str, tuple[Path, int, int]] = {}
    ignored: set[str] = set()
    for shard in shards:
        for key, kind, member, tar in _members(shard):
            # Keys repeat between shards: WebDataset counts them anew in each.
            name = key if len(shards) == 1 else f"{shard.stem}/{key}"
            labels = samples.setdefault(name, {})
            if kind in image_suffixes():
                if name in images:
                    raise UserError(f"{shard}: the sample {key!r} has two images", remedy="keep one")
                images[name] = (shard, member.offset_data, member.size)
            elif kind == ".json":
                labels |= _json_labels(shard, tar, member, ignored=ignored)
            elif kind == CLASS:
                labels["cls"] = _content(tar, member).decode("utf-8", "replace").strip()
            else:
                ignored.add(kind)
    frame = pd.DataFrame([{ID: name, **labels} for name, labels in samples.items()])
    attributes = [str(name) for name in frame if name != ID]
    there = frame[ID].isin(list(images)) if len(frame) else pd.Series(dtype=bool)
    if not attributes or not there.any():
        raise UserError(
            f"{path}: no sample has an image and an attribute", remedy="write KEY.jpg and KEY.json"
        )
    notes = (f"Not read from the samples: {', '.join(sorted(ignored))}.",) if ignored else ()
    card = unknown_card(path.stem, f"WebDataset {path.name}", caution=CAUTION, notes=notes)
    card = replace(card, cluster=first_of(CLUSTER_COLUMNS, frame))
    known = describe(frame, path, attributes=attributes, card=card)
    kept = known.frame[there].reset_index(drop=True)
    return TarDataset(
        kept,
        attributes=known.attributes,
        card=known.card,
        orders=known.orders,
        places=[images[name] for name in kept[ID]],
        dropped=known.frame[~there].assign(**{REASON: NO_IMAGE}),
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


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(member)
    assert content is not None
    return content.read()


def _json_labels(
    shard: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, *, ignored: set[str]
) -> dict[str, str]:
    """The attributes of a JSON member; the names of what is none are added to `ignored`."""
    try:
        values = parse_json(_content(tar, member))
    except ValueError as error:
        raise UserError(f"{shard}: {member.name} is not JSON", remedy="write it again") from error
    if not isinstance(values, dict):
        raise UserError(f"{shard}: {member.name} is no JSON object", remedy="write attributes by name")
    labels = {}
    for name, value in values.items():
        if isinstance(value, bool):
            labels[name] = str(value).lower()
        # NaN, which JSON of Python may hold, is the only value that differs from itself.
        elif isinstance(value, str | int | float) and value != "" and value == value:
            labels[name] = str(value)
        elif value is not None and not isinstance(value, str | float):
            ignored.add(name)
    return labels


KINDS = (
    DatasetKind(name="folder", load=load_image_folder, title="folders of images, named by their class"),
    DatasetKind(name="webdataset", load=load_webdataset, title="tar files of KEY.jpg with KEY.json"),
)
