"""FACET (Gustafson et al. 2023): persons in photos, with perceived attributes and a class such as nurse."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import Box, FileDataset, find, read_annotations

GENDERS = {"masc": "masculine", "fem": "feminine", "non_binary": "non-binary"}
AGES = {"young": "young", "middle": "middle", "older": "older"}
TONES = {str(tone): str(tone) for tone in range(1, 11)}
IMAGE_FOLDERS = ("imgs_1", "imgs_2", "imgs_3")
COLUMNS = (
    "person_id", "filename", "class1", "class2", "bounding_box",
    *(f"gender_presentation_{name}" for name in (*GENDERS, "na")),
    *(f"age_presentation_{name}" for name in (*AGES, "na")),
    *(f"skin_tone_{name}" for name in (*TONES, "na")),
)  # fmt: skip
NO_FILE = "there is no such file in imgs_1, imgs_2 or imgs_3"
CARD = DataCard(
    name="facet",
    title="FACET",
    version="2023",
    thumbnails=False,  # its agreement restricts showing the people who took part
    licence="FACET usage agreement: evaluation only, no training",
    consent="not asked: licensed photos of SA-1B",
    label_provenance="perceived",
    labelled_by="trained annotators, several a person",
    source="Gustafson et al., ICCV 2023; Meta",
    caution="Gender presentation, age and skin tone are what annotators perceived.",
    # One photo shows several persons, under one light and by one camera.
    cluster="filename",
    notes=(
        "Each person is cut out by the bounding box. A label is the one that most annotators chose; where "
        "several were chosen equally often, the person has none.",
    ),
)


def load_facet(root: Path) -> FileDataset:
    """FACET: the folder of annotations.csv and imgs_1/ to imgs_3/; a row per person, cut out by its box.

    Attributes: occupation (class1), second_class (class2), gender, age and skin_tone (Monk, 1 to 10).
    Persons whose image is in none of the folders are dropped and counted.

    Raises
    ------
    UserError
        The file or a column is missing, or a box or count cannot be read.
    """
    file = find(root, "annotations.csv", what="FACET")
    table = read_annotations(file, COLUMNS, key="person_id")
    frame = pd.DataFrame(
        {
            ID: table["person_id"],
            "filename": table["filename"],
            "occupation": table["class1"],
            # The file writes "none" where a person has one class only.
            "second_class": table["class2"].where(table["class2"] != "none"),
            "gender": _chosen(file, table, "gender_presentation", GENDERS),
            "age": _chosen(file, table, "age_presentation", AGES),
            "skin_tone": _chosen(file, table, "skin_tone", TONES),
        }
    )
    homes = {path.name: name for name in IMAGE_FOLDERS for path in (root / name).glob("*")}
    there = frame["filename"].isin(list(homes))
    boxes = [_box(file, line, text) for line, text in table["bounding_box"].items()]
    if not there.any():
        raise UserError(f"{root}: none of its images", remedy=f"unpack them into {', '.join(IMAGE_FOLDERS)}")
    kept = frame[there].reset_index(drop=True)
    return FileDataset(
        kept,
        root=root,
        attributes=("occupation", "second_class", "gender", "age", "skin_tone"),
        card=CARD,
        files=[f"{homes[name]}/{name}" for name in kept["filename"]],
        boxes=[box for box, found in zip(boxes, there, strict=True) if found],
        orders={"gender": tuple(GENDERS.values()), "age": tuple(AGES)},
        dropped=frame[~there].assign(**{REASON: NO_FILE}),
    )


def _chosen(file: Path, table: pd.DataFrame, prefix: str, names: dict[str, str]) -> pd.Series:
    """The value that most annotators chose; missing where none was, "na" won, or several are equal."""
    columns = [f"{prefix}_{name}" for name in (*names, "na")]
    # The counts of annotators are empty where nobody chose a value.
    votes = table[columns].apply(pd.to_numeric, errors="coerce").fillna(0)
    if wrong := next((name for name in columns if (table[name].notna() & (votes[name] < 0)).any()), None):
        raise UserError(f"{file}: a negative count in {wrong!r}", remedy="download the file again")
    most = votes.max(axis=1)
    winners = votes.eq(most, axis=0)
    # Two values with equally many votes are no label: taking the first would favour the order of columns.
    clear = (winners.sum(axis=1) == 1) & (most > 0)
    values = winners.idxmax(axis=1).str.removeprefix(f"{prefix}_").map(names)
    clear_values: pd.Series = values.where(clear)
    return clear_values


def _box(file: Path, line: object, text: object) -> Box:
    """{'x': .., 'y': .., 'width': .., 'height': ..} in pixels."""
    try:
        # The boxes are Python dictionaries with single quotes, which is no JSON; literal_eval runs no code.
        box = ast.literal_eval(str(text))
        x, y = float(box["x"]), float(box["y"])
        return (x, y, x + float(box["width"]), y + float(box["height"]))
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file}, line {line}: bounding_box is {text!r}", remedy="it has x, y, width and height"
        ) from error


KINDS = (DatasetKind.published(load_facet, CARD),)
