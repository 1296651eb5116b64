"""MIAP (Schumann et al. 2021): persons in Open Images, with perceived gender and age presentation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import ID, DataCard
from probes.datasets.files import FIRST_DATA_LINE, FileDataset, checked_values, find, read_annotations

FILES = {name: f"open_images_extended_miap_boxes_{name}.csv" for name in ("train", "val", "test")}
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
    licence="annotations: CC BY 4.0; images: CC BY 2.0, as Open Images lists them",
    consent="not asked: public Flickr photos",
    label_provenance="perceived",
    caution="Gender and age presentation are what annotators perceived. One image may hold many persons.",
    cluster="ImageID",
    notes=("Each person is cut out by the bounding box.",),
)


def load_miap(root: Path) -> FileDataset:
    """MIAP: the folder of open_images_extended_miap_boxes_{train,val,test}.csv and images/<ImageID>.jpg.

    A row is a person, cut out by its box. Attributes: gender, age, split and the flags of the boxes (such
    as group_of), "yes" or "no". "Unknown" is a missing label.

    Raises
    ------
    UserError
        No file is there, a column is missing, or a value is none of MIAP's.
    """
    find(root, *FILES.values(), what="MIAP")
    parts = [_read(root / name, split) for split, name in FILES.items() if (root / name).is_file()]
    frame = pd.concat(parts, ignore_index=True)
    boxes = list(frame[list(SIDES)].itertuples(index=False, name=None))
    return FileDataset(
        frame.drop(columns=list(SIDES)),
        root=root,
        attributes=("gender", "age", "split", *FLAG_NAMES.values()),
        card=CARD,
        files=[f"images/{name}.jpg" for name in frame["ImageID"]],
        boxes=boxes,
        orders={"gender": GENDERS, "age": AGES, "split": tuple(FILES)},
    )


def _read(file: Path, split: str) -> pd.DataFrame:
    table = read_annotations(file, COLUMNS)
    sides = table[list(SIDES)].apply(pd.to_numeric, errors="coerce")
    wrong = ~((sides >= 0) & (sides <= 1)).all(axis=1)
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + FIRST_DATA_LINE
        raise UserError(f"{file}, line {line}: a side of the box is outside [0, 1]", remedy="mend the line")
    numbers = table.groupby("ImageID").cumcount() + 1
    frame = pd.DataFrame({ID: table["ImageID"] + "/" + numbers.astype(str), "ImageID": table["ImageID"]})
    gender = checked_values(file, table["GenderPresentation"], (*GENDERS, UNKNOWN))
    age = checked_values(file, table["AgePresentation"], (*AGES, UNKNOWN))
    frame["gender"], frame["age"] = gender.where(gender != UNKNOWN), age.where(age != UNKNOWN)
    frame["split"] = split
    for column, name in FLAG_NAMES.items():
        frame[name] = table[column].map({"1": "yes", "0": "no"})
    return pd.concat([frame, sides], axis=1)
