"""VisoGender (Hall et al. 2023): persons at work, alone or with another, as URLs of which some are dead."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import first_of, read_table, repairs, without_repeated_rows
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import FileDataset, checked_values, find, with_columns
from probes.datasets.image_paths import find_images

KEY = "IDX"
URL_COLUMN = "URL"  # what the name of the column begins with
GENDERS = ("feminine", "masculine")
OLD_GENDERS = {"woman": "feminine", "man": "masculine"}
GENDER_COLUMNS = ("Occupation_perceived_gender", "Occupation_Gender")
PARTICIPANT_GENDER_COLUMNS = ("Participant_perceived_gender", "Participant_Gender")
CONTEXTS = {"OO": "with an object", "OP": "with a participant"}
ATTRIBUTES = (
    "context", "sector", "specialisation", "occupation", "gender", "object", "participant",
    "participant_gender",
)  # fmt: skip
SAVED_AS = re.compile(r"(?:^|[_-])(O[OP]_\d+)$")
NO_URL, NO_FILE = "the list has no URL", "the image of the URL is not in the folder"
CARD = DataCard(
    name="visogender",
    title="VisoGender",
    version="2023",
    licence="list: CC BY 4.0, evaluation only, no training; images: their owners'",
    consent="not asked: public images found by search",
    label_provenance="perceived",
    labelled_by="the authors, with the help of search tags",
    caution="Gender is what the authors perceived, in two values. Few images an occupation: small groups.",
    source="Hall et al., NeurIPS 2023; github.com/oxai/visogender",
)


def load_visogender(root: Path) -> FileDataset:
    """VisoGender: the folder of its .tsv lists and, anywhere below it, the downloaded images.

    An image is saved under its IDX, alone or after other words: OO_17.jpg, teacher_masculine_OO_17.png.
    Attributes: context (with an object or a participant), sector, specialisation, occupation, gender, object,
    participant and participant_gender. Entries without a URL, and those whose image is not there, are dropped
    and counted by group.

    Raises
    ------
    UserError
        There is no list, a column is missing, an IDX is in two lists, or no image is there.
    """
    find(root, ".", what="VisoGender")
    files = sorted(path for path in root.rglob("*.tsv") if "visogender" in path.name.lower())
    if not files:
        raise UserError(f"{root}: no .tsv of VisoGender", remedy="put OO_Visogender_....tsv there")
    tables = [_read(file) for file in files]
    frame = pd.concat([table for table, _ in tables], ignore_index=True)
    if (again := frame[ID].duplicated()).any():
        name = frame[ID].iloc[int(again.to_numpy().argmax())]
        raise UserError(f"{root}: {name} is in two lists", remedy="keep one version of each list")
    saved = {match[1]: path for path in find_images(root) if (match := SAVED_AS.search(path.stem))}
    frame[REASON] = frame[REASON].mask(frame[REASON].isna() & ~frame[ID].isin(list(saved)), NO_FILE)
    kept = frame[frame[REASON].isna()]
    if kept.empty:
        raise UserError(f"{root}: none of its images", remedy="save the image of each URL as <IDX>.jpg")
    return FileDataset(
        kept.drop(columns=REASON),
        root=root,
        attributes=ATTRIBUTES,
        card=replace(CARD, notes=tuple(note for _, notes in tables for note in notes)),
        files=[saved[name].relative_to(root).as_posix() for name in kept[ID]],
        orders={"gender": GENDERS, "participant_gender": GENDERS},
        dropped=frame[frame[REASON].notna()],
    )


def _read(file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One list: an entry per row, with the reason where it cannot be used."""
    table = with_columns(file, read_table(file), [KEY, "Sector", "Specialisation", "Occupation"])
    table = without_repeated_rows(table, KEY, file=file)
    url = next((name for name in map(str, table) if name.startswith(URL_COLUMN)), None)
    if url is None:
        raise UserError(f"{file}: no column of URLs", remedy=f"its name begins with {URL_COLUMN!r}")
    no_url = ~table[url].fillna("").str.startswith("http")
    frame = pd.DataFrame(
        {
            ID: table[KEY],
            "context": table[KEY].str[:2].map(CONTEXTS),
            "sector": table["Sector"],
            "specialisation": table["Specialisation"],
            "occupation": table["Occupation"],
            "gender": _gender(file, table, GENDER_COLUMNS),
            # Lists of persons with an object have no column of participants, and the other way round.
            "object": table.get("Object"),
            "participant": table.get("Participant"),
            "participant_gender": _gender(file, table, PARTICIPANT_GENDER_COLUMNS, needed=False),
            REASON: pd.Series(NO_URL, index=table.index, dtype=object).where(no_url),
        }
    )
    return frame, repairs(table)


def _gender(file: Path, table: pd.DataFrame, names: tuple[str, ...], *, needed: bool = True) -> pd.Series:
    """A column of genders, in the words of the later versions of the list."""
    name = first_of(names, table)
    if name is None and needed:
        found = ", ".join(map(str, table))
        raise UserError(f"{file}: no column {names[0]!r} among: {found}", remedy="take the published list")
    if name is None:
        return pd.Series(None, index=table.index, dtype=object)
    # The first version of the list wrote man and woman.
    return checked_values(file, table[name].str.lower().replace(OLD_GENDERS), GENDERS)


KINDS = (DatasetKind.published(load_visogender, CARD),)
