"""MIAP (Schumann et al. 2021): persons in Open Images, with perceived gender and age presentation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import place
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, checked_values, find, read_annotations

FILES = {name: f"open_images_extended_miap_boxes_{name}.csv" for name in ("train", "val", "test")}
HOMES = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
SIDES = ("XMin", "YMin", "XMax", "YMax")
FLAG_NAMES = {
    "IsOccluded": "occluded", "IsTruncated": "truncated", "IsGroupOf": "group_of",
    "IsDepictionOf": "depiction_of", "IsInsideOf": "inside_of",
}  # fmt: skip
COLUMNS = ("ImageID", "LabelName", "Confidence", *SIDES, *FLAG_NAMES, "GenderPresentation", "AgePresentation")
GENDERS = ("Predominantly Feminine", "Predominantly Masculine")
AGES = ("Young", "Middle", "Older")
UNKNOWN = "Unknown"
CARD = DataCard(
    name="miap",
    title="MIAP (More Inclusive Annotations for People)",
    version="2021",
    licence="annotations: CC BY 4.0; images: CC BY 2.0, as Open Images lists them (unverified)",
    consent="not asked: public Flickr photos",
    label_provenance="perceived",
    labelled_by="annotators of Open Images",
    source="Schumann et al., AIES 2021; Open Images Extended",
    caution="Gender and age presentation are what annotators perceived. One image may hold many persons.",
    cluster="ImageID",
    notes=("Each person is cut out by the bounding box.",),
    image_attributes=("split",),
)


def load_miap(root: Path) -> FileDataset:
    """MIAP: the folder of open_images_extended_miap_boxes_{train,val,test}.csv and images/<ImageID>.jpg.

    The images may also lie in train/, validation/ and test/, as Open Images has them. A row is a person, cut
    out by its box. Attributes: gender, age, split and the flags of the boxes (such as group_of), "yes" or
    "no". "Unknown" is a missing label.

    Raises
    ------
    UserError
        No file is there, a column is missing, or a value is none of MIAP's.
    """
    find(root, *FILES.values(), what="MIAP")
    parts = [_read(root / name, split) for split, name in FILES.items() if (root / name).is_file()]
    frame = pd.concat(parts, ignore_index=True)
    homes = {split: _home(root, split) for split in FILES}
    boxes = list(frame[list(SIDES)].itertuples(index=False, name=None))
    return FileDataset(
        frame.drop(columns=list(SIDES)),
        root=root,
        attributes=("gender", "age", "split", *FLAG_NAMES.values()),
        card=CARD,
        files=[
            f"{homes[split]}/{name}.jpg" for split, name in zip(frame["split"], frame["ImageID"], strict=True)
        ],
        boxes=boxes,
        orders={"gender": GENDERS, "age": AGES, "split": tuple(FILES)},
    )


def _home(root: Path, split: str) -> str:
    """The folder of a split's images: Open Images' own, or images/ for all."""
    return next((name for name in HOMES[split] if (root / name).is_dir()), "images")


def _read(file: Path, split: str) -> pd.DataFrame:
    table = read_annotations(file, COLUMNS, key="ImageID")
    sides = table[list(SIDES)].apply(pd.to_numeric, errors="coerce")
    wrong = ~((sides >= 0) & (sides <= 1)).all(axis=1)
    if wrong.any():
        message = f"{file}, {place(wrong)}: a side of the box is outside [0, 1]"
        raise UserError(message, remedy="repair the line")
    # Boxes have no name of their own; the order in the file numbers them.
    numbers = table.groupby("ImageID").cumcount() + 1
    frame = pd.DataFrame({ID: table["ImageID"] + "/" + numbers.astype(str), "ImageID": table["ImageID"]})
    gender = checked_values(file, table["GenderPresentation"], (*GENDERS, UNKNOWN))
    age = checked_values(file, table["AgePresentation"], (*AGES, UNKNOWN))
    frame["gender"], frame["age"] = gender.where(gender != UNKNOWN), age.where(age != UNKNOWN)
    frame["split"] = split
    for column, name in FLAG_NAMES.items():
        frame[name] = table[column].map({"1": "yes", "0": "no"})
    joined: pd.DataFrame = pd.concat([frame, sides], axis=1)
    return joined


KINDS = (DatasetKind.published(load_miap, CARD),)
