"""FairFace (Karkkainen & Joo 2021): faces balanced over seven races, with perceived race, gender and age."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import repairs
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.fairface_age_bands import AGE_BANDS, undated
from probes.datasets.file_dataset import FileDataset, checked_values, find, read_annotations

LABEL_FILES = ("fairface_label_train.csv", "fairface_label_val.csv")
COLUMNS = ("file", "age", "gender", "race", "service_test")
ATTRIBUTES = ("race", "race_white", "gender", "age", "split", "service_test")
# The order of the columns of Table 5 of the CLIP paper.
RACES = ("Black", "White", "Indian", "Latino_Hispanic", "Middle Eastern", "Southeast Asian", "East Asian")
GENDERS = ("Female", "Male")
PADDINGS = ("fairface-img-margin025-trainval", "fairface-img-margin125-trainval")
ORDERS = {"race": RACES, "race_white": ("White", "Non-White"), "gender": GENDERS, "age": AGE_BANDS}
CARD = DataCard(
    name="fairface",
    title="FairFace",
    version="2021",
    licence="CC BY 4.0",
    consent="not asked: public Flickr photos under Creative Commons licences, from YFCC-100M",
    label_provenance="perceived",
    labelled_by="three crowd workers an image, by majority; models then pointed at labels to check again",
    caution="Race, gender and age are what annotators perceived, not what the persons say of themselves.",
    source="Karkkainen & Joo, WACV 2021; github.com/joojs/fairface",
    image_attributes=("split", "service_test"),
)


def load_fairface(root: Path) -> FileDataset:
    """FairFace: the folder of fairface_label_{train,val}.csv, train/ and val/.

    The images may also lie in the folder of one of the published archives, of narrow or wide padding. Adds
    race_white (White, Non-White), as Tables 3 and 4 of the CLIP paper divide it, and split.

    Raises
    ------
    UserError
        There is no label file, a column is missing, or a value is none of FairFace's.

    Warns
    -----
    UserWarning
        Age bands that a spreadsheet has turned into dates were repaired.
    """
    find(root, *LABEL_FILES, what="FairFace")
    tables = [_read(root / name) for name in LABEL_FILES if (root / name).is_file()]
    n_repaired = sum(n for _, n, _ in tables)
    frame = pd.concat([table for table, _, _ in tables], ignore_index=True)
    notes = tuple(note for *_, notes in tables for note in notes)
    if n_repaired:
        sentence = (
            f"{n_repaired:,} age bands that a spreadsheet had turned into dates (3-9 to 9-Mar or 03-Sep, "
            "10-19 to 19-Oct) were repaired."
        )
        warnings.warn(f"{root}: {sentence}", stacklevel=2)
        notes = (sentence, *notes)
    images, padding = _images(root)
    return FileDataset(
        frame,
        root=images,
        home=root,
        attributes=ATTRIBUTES,
        card=replace(CARD, notes=(*notes, *padding)),
        orders=ORDERS,
        derived={"race_white": "race"},
    )


def _images(root: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder of train/ and val/, and what is to be said of it: the two paddings share file names."""
    there = [name for name in PADDINGS if (root / name).is_dir()]
    if not there or (root / "train").is_dir() or (root / "val").is_dir():
        # Both paddings have the same file names, so a mixture would go unnoticed.
        return root, ()
    if len(there) > 1:
        raise UserError(f"{root}: images of both paddings", remedy="keep one of the two folders there")
    return root / there[0], (f"The images are those of {there[0]}.",)


def _read(file: Path) -> tuple[pd.DataFrame, int, tuple[str, ...]]:
    """The rows of one label file, how many age bands were repaired, and other repairs."""
    table = read_annotations(file, COLUMNS, key="file")
    repaired = table["age"].map(undated, na_action="ignore")
    n_repaired = int((table["age"].notna() & (repaired != table["age"])).sum())
    race = checked_values(file, table["race"], RACES)
    frame = pd.DataFrame(
        {
            ID: table["file"],
            "race": race,
            # A missing race stays missing; it is not Non-White.
            "race_white": race.where(race.isna() | (race == "White"), "Non-White"),
            "gender": checked_values(file, table["gender"], GENDERS),
            "age": checked_values(file, repaired, AGE_BANDS),
            "split": "train" if "train" in file.stem else "val",
            "service_test": table["service_test"].str.lower(),
        }
    )
    return frame, n_repaired, repairs(table)


KINDS = (DatasetKind.published(load_fairface, CARD),)
