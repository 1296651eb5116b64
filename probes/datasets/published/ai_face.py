"""AI-Face v2 (Lin et al. 2025): real and generated faces with gender, age and skin tone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import add_repair, place, repairs
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, find, read_annotations
from probes.label_text import number_text

FILES = {"train": "train.csv", "test": "test.csv"}
COLUMNS = ("Image Path", "Gender", "Age", "Skin Tone", "Intersection", "Target")
GENDERS = {"1": "Male", "0": "Female"}
# As its README lists them: 2 is no value there.
AGES = {"0": "child", "1": "youth", "4": "middle-aged", "3": "adult", "5": "senior"}
AGE_ORDER = ("child", "youth", "adult", "middle-aged", "senior")
TARGETS = {"0": "real", "1": "generated"}
TONES = tuple(str(tone) for tone in range(1, 11))
SOURCES = ("deepfakes", "GANs", "DMs", "Real")
ATTRIBUTES = ("gender", "age", "skin_tone", "intersection", "target", "source", "split")
CARD = DataCard(
    name="ai_face",
    title="AI-Face",
    version="2",
    licence="CC BY-NC-ND 4.0",
    consent="not asked: public data sets of faces, and images made by generators",
    label_provenance="perceived",
    labelled_by="models of the authors, not people",
    caution="Labels were given by models, and many images are generated. A gap between groups may be one "
    "between generators: compare within 'source'.",
    source="Lin et al., CVPR 2025; github.com/Purdue-M2/AI-Face-FairnessBench",
    image_attributes=("target", "source", "split"),
    layout="its README, not a real copy",
    notes=("The numbers of 'intersection' are those of the file, which does not name them.",),
)


def load_ai_face(root: Path) -> FileDataset:
    """AI-Face: the folder of train.csv, test.csv, deepfakes/, GANs/, DMs/ and Real/.

    Attributes: gender, age, skin_tone (Monk, 1 to 10), intersection (the number of the file), target (real or
    generated), source (the folder) and split. A number that its README does not list is no label. Paths that
    lead through folders of another machine are read from deepfakes/, GANs/, DMs/ or Real/ on.

    Raises
    ------
    UserError
        No file is there, a column is missing, a row has no path, or one path is in both files.
    """
    find(root, *FILES.values(), what="AI-Face")
    tables = [_read(root / name, split) for split, name in FILES.items() if (root / name).is_file()]
    return FileDataset(
        pd.concat([frame for frame, _ in tables], ignore_index=True),
        root=root,
        attributes=ATTRIBUTES,
        card=replace(CARD, notes=(*CARD.notes, *(note for _, notes in tables for note in notes))),
        orders={
            "gender": ("Female", "Male"), "age": AGE_ORDER, "skin_tone": TONES,
            "target": tuple(TARGETS.values()), "source": SOURCES, "split": tuple(FILES),
        },
    )  # fmt: skip


def _read(file: Path, split: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    table = read_annotations(file, COLUMNS, key="Image Path")
    path = _paths(file, table)
    frame = pd.DataFrame(
        {
            ID: path,
            "gender": _named(file, table, "Gender", GENDERS),
            "age": _named(file, table, "Age", AGES),
            "skin_tone": _named(file, table, "Skin Tone", dict(zip(TONES, TONES, strict=True))),
            "intersection": table["Intersection"].map(number_text, na_action="ignore"),
            "target": _named(file, table, "Target", TARGETS),
            "source": path.str.partition("/")[0].where(path.str.partition("/")[0].isin(SOURCES)),
            "split": split,
        }
    )
    return frame, repairs(table)


def _paths(file: Path, table: pd.DataFrame) -> pd.Series:
    """Paths below the folder, from the folder of the source on."""
    # Paths may have backslashes, or "./" before them.
    written = table["Image Path"].str.replace("\\", "/", regex=False).str.lstrip("./")
    inside = written.str.extract(rf"(?:^|/)((?:{'|'.join(SOURCES)})/.+)$", expand=False)
    if (again := inside.dropna().duplicated()).any():
        raise UserError(f"{file}, {place(again)}: the image is there twice", remedy="keep one row per image")
    changed = int((inside.notna() & (inside != table["Image Path"])).sum())
    if changed:
        said = "1 path was" if changed == 1 else f"{changed:,} paths were"
        add_repair(table, f"{said} read from {', '.join(SOURCES)} on.", file=file)
    return inside.fillna(written)


def _named(file: Path, table: pd.DataFrame, column: str, names: dict[str, str]) -> pd.Series:
    """A column of numbers in words; a number without a meaning is no label, which is noted."""
    numbers = table[column].map(number_text, na_action="ignore")
    words = numbers.map(names)
    nameless = numbers[numbers.notna() & words.isna()]
    if len(nameless):
        unknown = ", ".join(sorted(nameless.unique())[:5])
        add_repair(
            table, f"{len(nameless):,} values of {column} are not in its README and are no label: {unknown}.",
            file=file,
        )  # fmt: skip
    return words.astype(object)


KINDS = (DatasetKind.published(load_ai_face, CARD),)
