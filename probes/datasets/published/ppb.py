"""PPB, the Pilot Parliaments Benchmark (Buolamwini & Gebru 2018): members of six parliaments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import first_of, place, read_table, repairs, without_repeated_rows
from probes.datasets.cards import UNVERIFIED, DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, checked_values, find

FILE, IMAGES = "PPB-2017-metadata.csv", "imgs"
NAME_COLUMNS = ("filename", "file", "image", "name")
SKIN_COLUMNS = ("bi.fitz", "bi_fitz", "skin_color", "skin")
GENDERS, SKINS = ("female", "male"), ("darker", "lighter")
CARD = DataCard(
    name="ppb",
    title="Pilot Parliaments Benchmark",
    version="2017",
    licence=f"on request, for research {UNVERIFIED}",
    consent="official portraits of office holders, published by their parliaments",
    label_provenance="perceived",
    labelled_by="skin type: annotators, then a dermatologist; gender: annotators, by name, title and image",
    caution="Skin type is two groups of the Fitzpatrick scale, gender two values. One portrait a member.",
    source="Buolamwini & Gebru, FAT* 2018",
)


def load_ppb(root: Path) -> FileDataset:
    """PPB: the folder of PPB-2017-metadata.csv and imgs/.

    Attributes: gender, skin (darker or lighter, from the column bi.fitz) and country. The header is accepted
    in the forms that copies have it in. The column numeric is not read: what it counts is not documented.

    Raises
    ------
    UserError
        The file or a column is missing, or a value is none of PPB's.
    """
    file = find(root, FILE, what="PPB")
    # Copies write the header in capitals or not.
    table = read_table(file).rename(columns=str.lower)
    columns = {
        name: first_of(forms, table)
        for name, forms in {ID: NAME_COLUMNS, "gender": ("gender",), "skin": SKIN_COLUMNS}.items()
    }
    if absent := next((name for name, found in columns.items() if found is None), None):
        message = f"{file}: no column of {absent.replace('_', ' ')} among: {', '.join(map(str, table))}"
        raise UserError(message, remedy="the columns are filename, gender, bi.fitz and country")
    table = without_repeated_rows(
        table.rename(columns={old: new for new, old in columns.items()}), ID, file=file
    )
    if (missing := table[ID].isna()).any():
        raise UserError(f"{file}, {place(missing)}: no image is named", remedy="give every row its image")
    frame = pd.DataFrame(
        {
            ID: table[ID],
            "gender": checked_values(file, table["gender"].str.lower(), GENDERS),
            "skin": checked_values(file, table["skin"].str.lower(), SKINS),
            "country": table.get("country"),
        }
    )
    return FileDataset(
        frame,
        root=root / IMAGES if (root / IMAGES).is_dir() else root,
        home=root,
        attributes=("gender", "skin", "country"),
        card=replace(CARD, notes=repairs(table)),
        orders={"gender": GENDERS, "skin": SKINS},
    )


KINDS = (DatasetKind.published(load_ppb, CARD),)
