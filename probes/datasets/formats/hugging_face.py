"""A data set of Hugging Face's `datasets` that lies on this disk; needs that package."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import as_strings, first_of
from probes.datasets.cards import DataCard, describe, image_folders, unknown_card
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, DemographicDataset, UnreadableImageError, read_image_file
from probes.datasets.file_dataset import find
from probes.datasets.formats.table import CLUSTER_COLUMNS
from probes.datasets.image_paths import first_outside

SAVED = ("dataset_info.json", "dataset_dict.json")  # what save_to_disk leaves
SPLIT = "split"
NUMBERS_AND_WORDS = ("int", "uint", "float", "bool", "string", "large_string")


class HuggingFaceDataset(DemographicDataset):
    """Rows of one or more splits, their images read when they are asked for.

    Parameters
    ----------
    frame, attributes, card, orders
        As for `DemographicDataset`.
    parts
        The splits, in the order of the rows; their images are not decoded.
    column
        The column of images.
    folder
        The folder of the data, which images that are files may not leave.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        attributes: Sequence[str],
        card: DataCard,
        orders: Mapping[str, Sequence[str]],
        parts: Sequence[Any],
        column: str,
        folder: Path,
    ) -> None:
        super().__init__(frame, attributes=attributes, card=card, orders=orders)
        self._places = [(part, row) for part in parts for row in range(len(part))]
        self._column, self._folder = column, folder

    def read_bytes(self, row: int) -> bytes:
        part, position = self._places[row]
        image = part[position][self._column]
        if not image or not (image.get("bytes") or image.get("path")):
            raise UnreadableImageError("the row has no image")
        if image.get("bytes"):
            return bytes(image["bytes"])
        path = str(image["path"])
        # The path is what a file of the data says; it may point anywhere on the disk.
        if first_outside(self._folder, [path], folders=image_folders(self._folder)) is not None:
            raise UnreadableImageError("the image is outside the folder of the data")
        return read_image_file(self._folder / path)


def load_hugging_face(folder: Path) -> HuggingFaceDataset:
    """A folder that `save_to_disk` wrote, or one that `load_dataset` reads without a script.

    The first column of images is taken. Class labels (by name), words, numbers and truth values are
    attributes; so is "split", where there are several. card.yaml in the folder says what they are.

    Raises
    ------
    UserError
        The package is missing, the folder holds no such data, a script, no image or no attribute.
    """
    find(folder, ".", what="a Hugging Face data set")
    splits = _load(folder)
    column, features = _columns(folder, next(iter(splits.values())))
    tables, parts = [], []
    for name, data in splits.items():
        # Undecoded: the bytes go through our own decoder, as for every other source.
        parts.append(data.cast_column(column, _package().Image(decode=False)).select_columns([column]))
        tables.append(_labels(folder, data, features).assign(**{SPLIT: name} if len(splits) > 1 else {}))
    frame = pd.concat(tables, ignore_index=True)
    attributes = [str(name) for name in frame]
    if not attributes:
        raise UserError(f"{folder}: no attribute beside {column!r}", remedy="add one, such as gender")
    frame.insert(0, ID, [f"row {number}" for number in range(1, len(frame) + 1)])
    ignored = [name for name in next(iter(splits.values())).column_names if name not in (*features, column)]
    card = unknown_card(
        folder.name, f"Hugging Face data set {folder.name}",
        caution="The data do not say how their labels came about.",
        notes=(f"Columns that are no attributes: {', '.join(ignored)}.",) if ignored else (),
    )  # fmt: skip
    of_images = (SPLIT,) if len(splits) > 1 else ()
    card = replace(card, cluster=first_of(CLUSTER_COLUMNS, frame), image_attributes=of_images)
    known = describe(frame, folder, attributes=attributes, card=card)
    return HuggingFaceDataset(
        known.frame, attributes=known.attributes, card=known.card, orders=known.orders,
        parts=parts, column=column, folder=folder,
    )  # fmt: skip


def _package() -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise UserError(
            "Hugging Face data sets need the package datasets",
            remedy="install it: pip install 'clip-audit[datasets]'",
        ) from error


def _load(folder: Path) -> dict[str, Any]:
    """The splits of the data set by name."""
    datasets = _package()
    # A data set script is code: `load_dataset` would run it.
    if script := next(iter(sorted(folder.glob("*.py"))), None):
        raise UserError(f"{folder}: {script.name} would be run", remedy="save the data with save_to_disk")
    try:
        if any((folder / name).is_file() for name in SAVED):
            data = datasets.load_from_disk(str(folder))
        else:
            data = datasets.load_dataset(str(folder))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{folder}: {reason}", remedy="give a folder of save_to_disk, or of data files"
        ) from error
    return dict(data) if isinstance(data, dict) else {"": data}


def _columns(folder: Path, data: Any) -> tuple[str, dict[str, Any]]:
    """The column of images, and the features that are attributes."""
    datasets = _package()
    images = [name for name, feature in data.features.items() if isinstance(feature, datasets.Image)]
    if not images:
        found = ", ".join(data.column_names)
        raise UserError(f"{folder}: no column of images among: {found}", remedy="cast one to datasets.Image")
    features = {
        name: feature
        for name, feature in data.features.items()
        if isinstance(feature, datasets.ClassLabel)
        # The digits are the width of the type: int64 is "int".
        or (isinstance(feature, datasets.Value) and feature.dtype.rstrip("0123456789") in NUMBERS_AND_WORDS)
    }
    return images[0], features


def _labels(folder: Path, data: Any, features: Mapping[str, Any]) -> pd.DataFrame:
    """The attributes as strings; a class label of -1 is none."""
    table = as_strings(data.select_columns(list(features)).to_pandas(), file=folder)
    for name, feature in features.items():
        if hasattr(feature, "names"):
            # A label of -1 is what the library writes where a split has no labels.
            table[name] = table[name].map({str(i): word for i, word in enumerate(feature.names)})
    return table


KINDS = (
    DatasetKind(name="hugging_face", load=load_hugging_face, title="a folder of Hugging Face's datasets"),
)
