"""UTKFace (Zhang, Song & Qi 2017): faces whose age, gender and race stand in the file name."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.fairface_age_bands import AGE_BANDS, BANDS_NOTE, age_band
from probes.datasets.file_dataset import FileDataset, find
from probes.datasets.image_paths import find_images

GENDERS = {"0": "Male", "1": "Female"}
RACES = {"0": "White", "1": "Black", "2": "Asian", "3": "Indian", "4": "Others"}
# The oldest person of the set is 116; a larger number is a field in the wrong place.
OLDEST_YEARS = 116
ENDINGS = re.compile(r"(\.chip|\.[a-z]{3,4})+$")  # aligned copies are named ... .jpg.chip.jpg
CARD = DataCard(
    name="utkface",
    title="UTKFace",
    version="2017",
    licence="non-commercial research only",
    consent="not asked: images collected on the web",
    label_provenance="perceived",
    labelled_by="a model that estimated, and annotators who checked",
    source="Zhang, Song & Qi, CVPR 2017; susanqq.github.io/UTKFace",
    notes=(BANDS_NOTE,),
    caution="Age, gender and race were estimated by a model and checked by annotators, not reported.",
)


def load_utkface(root: Path) -> FileDataset:
    """UTKFace: a folder of [age]_[gender]_[race]_[date].jpg, in subfolders or not.

    Attributes: race (five), gender, age (years) and age_band (FairFace's bands). Images whose name lacks a
    field, or holds a value that does not exist, are dropped and counted.

    Raises
    ------
    UserError
        The folder is missing, no file in it is named so, or two folders hold an image of one name.
    """
    find(root, ".", what="UTKFace")
    rows, dropped = [], []
    homes: dict[str, Path] = {}
    for path in find_images(root):
        if (other := homes.setdefault(path.name, path)) != path:
            raise UserError(
                f"{root}: {path.name} is in {other.parent.name} and in {path.parent.name}",
                remedy="give the folder of one of the copies, so that no image counts twice",
            )
        labels = _labels(path.name)
        if REASON in labels:
            dropped.append(labels)
        else:
            rows.append({ID: path.relative_to(root).as_posix(), **labels})
    if not rows:
        raise UserError(
            f"{root}: no image is named as UTKFace names them",
            remedy="a name is [age]_[gender]_[race]_[date].jpg, such as 25_1_0_20170116174525125.jpg",
        )
    return FileDataset(
        pd.DataFrame(rows),
        root=root,
        attributes=("race", "gender", "age", "age_band"),
        card=CARD,
        orders={"race": tuple(RACES.values()), "gender": ("Female", "Male"), "age_band": AGE_BANDS},
        dropped=pd.DataFrame(dropped, columns=[REASON, "age", "age_band"]),
        derived={"age_band": "age"},
    )


def _labels(name: str) -> dict[str, str]:
    """The attributes in a file name; with the reason why it cannot be used, where it cannot."""
    age, *others = ENDINGS.sub("", name.lower()).split("_")
    years = age.isdecimal() and int(age) <= OLDEST_YEARS
    known = {"age": str(int(age)), "age_band": age_band(int(age))} if years else {}
    if len(others) != 3:
        return known | {REASON: "the file name lacks a field"}
    gender, race, _ = others
    if not years or gender not in GENDERS or race not in RACES:
        return known | {REASON: "the file name holds a value that does not exist"}
    return known | {"gender": GENDERS[gender], "race": RACES[race]}


KINDS = (DatasetKind.published(load_utkface, CARD),)
