"""CelebA (Liu et al. 2015): faces of celebrities with forty binary attributes and, on request, identities."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, find, open_annotations, read_annotations

WORDS = {"1": "yes", "-1": "no"}
SPLITS = {"0": "train", "1": "val", "2": "test"}
GENDERS = {"yes": "Male", "no": "Female"}
N_ATTRIBUTES = 40
NO_IDENTITIES = "Without identity_CelebA.txt, images of one person count as independent."
CARD = DataCard(
    name="celeba",
    title="CelebA",
    version="2015",
    licence="non-commercial research only",
    consent="not asked: images of celebrities collected on the web",
    label_provenance="perceived",
    labelled_by="a company of annotators",
    caution="Attributes are what annotators perceived, in two values each; some judge looks.",
    source="Liu et al., ICCV 2015; mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    cluster="identity",
    image_attributes=("split",),
)
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
    table = read_annotations(file, [ID], key=ID) if file.suffix == ".csv" else _read_text(file)
    names = [name for name in map(str, table) if name != ID]
    if len(names) != N_ATTRIBUTES or "Male" not in names:
        raise UserError(
            f"{file}: {len(names)} attributes", remedy="CelebA has forty, among them Male: take its own file"
        )
    values = table[names].apply(lambda column: column.map(WORDS))
    if values.isna().any(axis=None):
        image = table[ID].iloc[int(values.isna().any(axis=1).to_numpy().argmax())]
        raise UserError(f"{file}: a value of {image} is neither 1 nor -1", remedy="download it again")
    frame = pd.concat([table[[ID]], values.assign(gender=values["Male"].map(GENDERS))], axis=1)
    attributes = [*names, "gender"]
    if len(splits := _lookup(root, "list_eval_partition")):
        frame["split"] = frame[ID].map(splits).map(SPLITS)
        attributes.append("split")
    identities = _lookup(root, "identity_CelebA")
    if len(identities):
        # An image without an identity is taken for a person of its own.
        frame["identity"] = frame[ID].map(identities).fillna(frame[ID])
    return FileDataset(
        frame,
        root=next(root / name for name in IMAGE_FOLDERS if (root / name).is_dir()),
        home=root,
        attributes=attributes,
        card=CARD if len(identities) else replace(CARD, cluster=None, notes=(NO_IDENTITIES,)),
        orders={"gender": ("Female", "Male"), "split": tuple(SPLITS.values())},
        derived={"gender": "Male"},
    )


def _read_text(file: Path) -> pd.DataFrame:
    """Line 1 is the number of images, line 2 the names of the attributes, then a line per image."""
    text = open_annotations(file).read()
    count, _, rest = text.partition("\n")
    header, _, body = rest.partition("\n")
    names = header.split()
    # White space of any length: the file is padded so that columns line up.
    try:
        columns = [ID, *names]
        table = pd.read_csv(io.StringIO(body), sep=r"\s+", header=None, names=columns, dtype=str)
    except pd.errors.ParserError:  # a line is too long
        table = pd.DataFrame({ID: [None]})
    if table.iloc[:, -1].isna().any():
        _check_lengths(file, body, len(names))
    if count.strip() != str(len(table)):
        raise UserError(
            f"{file}: line 1 says {count.strip()!r} images, there are {len(table)}",
            remedy="download it again",
        )
    return table


def _check_lengths(file: Path, body: str, n_attributes: int) -> None:
    """Every line has a value for each attribute; a reader of tables would fill up what is missing."""
    # The body starts at line 3, after the count and the names.
    for number, line in enumerate(body.split("\n"), start=3):
        if line and (n := len(line.split()) - 1) not in (n_attributes, -1):
            raise UserError(
                f"{file}, line {number}: {n} values for {n_attributes} attributes",
                remedy="download the file again",
            )


def _lookup(root: Path, stem: str) -> pd.Series:
    """Image -> value of a file without header (.txt), or with one (.csv); empty where there is none."""
    for file, separator in ((root / f"{stem}.txt", r"\s+"), (root / f"{stem}.csv", ",")):
        if not file.is_file():
            continue
        text = open_annotations(file)
        try:
            pairs = pd.read_csv(text, sep=separator, header=None, names=[ID, "value"], dtype=str)
        except pd.errors.ParserError as error:  # a line is too long
            raise UserError(f"{file}: {error}", remedy="download it again") from error
        if (wrong := pairs["value"].isna()).any():
            line = pairs[ID].iloc[int(wrong.to_numpy().argmax())]
            raise UserError(f"{file}: {line!r} is no image and value", remedy="download it again")
        return pairs.drop_duplicates(ID).set_index(ID)["value"]
    return pd.Series(dtype="str")


KINDS = (DatasetKind.published(load_celeba, CARD),)
