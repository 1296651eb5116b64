"""CelebA (Liu et al. 2015): faces of celebrities with forty binary attributes and, on request, identities."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import ID, DataCard
from probes.datasets.files import FileDataset, find, open_annotations, read_annotations

WORDS = {"1": "yes", "-1": "no"}
SPLITS = {"0": "train", "1": "val", "2": "test"}
GENDERS = {"yes": "Male", "no": "Female"}
N_ATTRIBUTES = 40
NO_IDENTITIES = "Without identity_CelebA.txt, images of one person count as independent."
IMAGE_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "img_celeba")


def load_celeba(root: Path) -> FileDataset:
    """CelebA: the folder of list_attr_celeba.txt, or .csv as on Kaggle, and img_align_celeba/.

    Attributes: the forty, "yes" or "no"; gender, made from Male; split, where list_eval_partition is there.
    Images of one identity are a cluster where identity_CelebA.txt is there.

    Raises
    ------
    UserError
        A file is missing, or a line has another number of values than the header says.
    """
    file = find(root, "list_attr_celeba.txt", "list_attr_celeba.csv", what="CelebA")
    find(root, "img_align_celeba", "img_celeba", what="CelebA")
    table = read_annotations(file, ["image_id"]) if file.suffix == ".csv" else _read_text(file)
    names = [name for name in map(str, table) if name != ID]
    if len(names) != N_ATTRIBUTES or "Male" not in names:
        raise UserError(
            f"{file}: {len(names)} attributes", remedy="CelebA has forty, among them Male: take its own file"
        )
    values = table[names].apply(lambda column: column.map(WORDS))
    if values.isna().any(axis=None):
        row = int(values.isna().any(axis=1).to_numpy().argmax())
        image = table[ID].iloc[row]
        raise UserError(f"{file}: a value of {image} is neither 1 nor -1", remedy="download it again")
    frame = pd.concat([table[[ID]], values.assign(gender=values["Male"].map(GENDERS))], axis=1)
    attributes = [*names, "gender"]
    if splits := _lookup(root, "list_eval_partition"):
        frame["split"] = frame[ID].map(splits).map(SPLITS)
        attributes.append("split")
    identities = _lookup(root, "identity_CelebA")
    if identities:
        # An image without an identity is taken for a person of its own.
        frame["identity"] = frame[ID].map(identities).fillna(frame[ID])
    return FileDataset(
        frame,
        root=next(root / name for name in IMAGE_FOLDERS if (root / name).is_dir()),
        attributes=attributes,
        card=_card(clustered=bool(identities)),
        orders={"gender": ("Female", "Male"), "split": tuple(SPLITS.values())},
        derived={"gender": "Male"},
    )


def _card(*, clustered: bool) -> DataCard:
    return DataCard(
        name="celeba",
        title="CelebA",
        version="2015",
        licence="non-commercial research only",
        consent="not asked: images of celebrities collected on the web",
        label_provenance="perceived",
        caution="Attributes are what annotators perceived, in two values each; some judge looks.",
        cluster="identity" if clustered else None,
        notes=() if clustered else (NO_IDENTITIES,),
    )


def _read_text(file: Path) -> pd.DataFrame:
    """Line 1 is the number of images, line 2 the names of the attributes, then a line an image."""
    count, header, *lines = open_annotations(file).read().split("\n")
    lines = [line for line in lines if line.strip()]
    names = header.split()
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows, start=3):
        if len(row) != len(names) + 1:
            raise UserError(
                f"{file}, line {number}: {len(row) - 1} values for {len(names)} attributes",
                remedy="download the file again",
            )
    if count.strip() != str(len(rows)):
        raise UserError(
            f"{file}: line 1 says {count.strip()!r} images, there are {len(rows)}", remedy="download it again"
        )
    return pd.DataFrame(rows, columns=[ID, *names])


def _lookup(root: Path, stem: str) -> dict[str, str]:
    """Image -> value of a file without header (.txt), or with one (.csv); empty where there is none."""
    for file in (root / f"{stem}.txt", root / f"{stem}.csv"):
        if file.is_file():
            lines = open_annotations(file).read().replace(",", " ").split("\n")
            pairs = [line.split() for line in lines if line.strip()]
            if wrong := next((pair for pair in pairs if len(pair) != 2), None):
                line = " ".join(wrong)
                raise UserError(f"{file}: {line!r} is no image and value", remedy="download it again")
            return dict(pairs)
    return {}
