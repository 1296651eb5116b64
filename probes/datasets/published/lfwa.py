"""LFWA+ (Liu et al. 2015): the faces of Labeled Faces in the Wild with CelebA's attributes and more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table
from probes.datasets.cards import UNVERIFIED, DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, find
from probes.datasets.formats.matlab import read_matlab

FILES = ("lfw_att_73.mat", "lfw_att_40.mat", "lfw_att_73.csv", "lfw_att_40.csv")
SPLITS_FILE = "indices_train_test.mat"
IMAGE_FOLDERS = ("lfw", "lfw-deepfunneled", "lfw_funneled", "img", "images", "image_path", ".")
# -1 as in the form that CelebA has of the same attributes.
WORDS = {1: "yes", 0: "no", -1: "no"}
CARD = DataCard(
    name="lfwa",
    title="LFWA+",
    version="2015",
    licence=f"non-commercial research only {UNVERIFIED}",
    consent="not asked: news photos collected on the web",
    label_provenance="perceived",
    labelled_by="a company of annotators (40); how they became 73 is not stated",
    caution="Attributes are in two values each; some judge looks, and some name races.",
    source="Liu et al., ICCV 2015; images: Huang et al. 2007",
    cluster="identity",
    image_attributes=("split",),
)


def load_lfwa(root: Path) -> FileDataset:
    """LFWA+: the folder of lfw_att_73.mat or lfw_att_40.mat (or the same as .csv) and of lfw/<person>/.

    Attributes: those of the file, "yes" or "no", their names with underscores; gender, made from Male; split,
    where indices_train_test.mat is there. Images of one person are a cluster. A .csv has the names in its
    first column and one column per attribute.

    Raises
    ------
    UserError
        A file is missing or damaged, or a value is neither 1 nor 0.
    """
    file = find(root, *FILES, what="LFWA+")
    names, attributes, values = _read_csv(file) if file.suffix == ".csv" else _read_matlab(file)
    words = pd.DataFrame(values, columns=attributes).apply(lambda column: column.map(WORDS))
    if words.isna().any(axis=None):
        name = names[int(words.isna().any(axis=1).to_numpy().argmax())]
        raise UserError(f"{file}: a value of {name} is neither 1 nor 0", remedy="download it again")
    frame = words.assign(gender=words["Male"].map({"yes": "Male", "no": "Female"}))
    attributes.append("gender")
    if (root / SPLITS_FILE).is_file():
        frame["split"] = _splits(root / SPLITS_FILE, len(names))
        attributes.append("split")
    frame.insert(0, ID, names)
    frame["identity"] = frame[ID].str.partition("/")[0]
    # Archives of the images unpack to folders of different names.
    homes = [root / name for name in IMAGE_FOLDERS if (root / name / names[0]).is_file()]
    return FileDataset(
        frame,
        root=homes[0] if homes else root,
        home=root,
        attributes=attributes,
        card=CARD,
        orders={"gender": ("Female", "Male"), "split": ("train", "test")},
        derived={"gender": "Male"},
    )


def _read_matlab(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Images, attributes, and [images, attributes] of 0 and 1."""
    variables = read_matlab(file)
    try:
        names, attributes = list(map(str, variables["name"])), list(map(str, variables["AttrName"]))
        values = np.asarray(variables["label"])
    except KeyError as error:
        raise UserError(f"{file}: no variable {error}", remedy="it has name, AttrName and label") from error
    if values.shape != (len(names), len(attributes)):
        expected = f"{len(names)} images of {len(attributes)} attributes"
        raise UserError(
            f"{file}: label has the shape {values.shape} for {expected}", remedy="download it again"
        )
    return [_posix(name) for name in names], _identifiers(file, attributes), values


def _read_csv(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    table = read_table(file)
    values = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce")
    attributes = _identifiers(file, list(map(str, values)))
    return [_posix(str(name)) for name in table.iloc[:, 0]], attributes, values.to_numpy()


def _posix(name: str) -> str:
    return name.strip().replace("\\", "/")


def _identifiers(file: Path, attributes: list[str]) -> list[str]:
    names = ["_".join(name.split()) for name in attributes]
    if "Male" not in names:
        raise UserError(f"{file}: no attribute 'Male'", remedy="take the published file")
    return names


def _splits(file: Path, n_images: int) -> np.ndarray:
    """[N] "train", "test", or None: the indices of the file count from 1."""
    variables = read_matlab(file)
    splits = np.full(n_images, None, dtype=object)
    for split in ("train", "test"):
        indices = np.asarray(variables.get(f"indices_img_{split}", []), dtype=float).ravel().astype(int)
        if len(indices) and (indices.min() < 1 or indices.max() > n_images):
            raise UserError(f"{file}: an index beyond the {n_images} images", remedy="download it again")
        # MATLAB counts from 1.
        splits[indices - 1] = split
    return splits


KINDS = (DatasetKind.published(load_lfwa, CARD),)
