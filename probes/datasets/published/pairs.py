"""PAIRS (Fraser & Kiritchenko 2024): generated scenes, each with persons of two races and genders."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import FileDataset, find
from probes.datasets.image_paths import find_images

SUBSETS = ("occupations", "status", "potential_crime")
# One file of the set ends in a digit: status/phone/white_man1.png.
PERSON = re.compile(r"(?P<race>black|white)_(?P<gender>man|woman)\d?", re.IGNORECASE)
NO_PERSON = "the file is not named by a person, such as black_woman"
ATTRIBUTES = ("race", "gender", "subset", "scene")
CARD = DataCard(
    name="pairs",
    title="PAIRS",
    version="2024",
    licence="CC BY 4.0",
    consent="nobody is shown: the images were generated",
    label_provenance="by design",
    labelled_by="the prompts of the generator: two races, two genders",
    caution="Generated images of 50 scenes: the same scene in four versions is one unit, and small "
    "differences beside the intended ones remain.",
    source="Fraser & Kiritchenko, EACL 2024; github.com/katiefraser/PAIRS",
    cluster="scene",
    image_attributes=("subset", "scene"),
    layout="its README and public code, not a real copy",
)


def load_pairs(root: Path) -> FileDataset:
    """PAIRS: the repository, or its folder data/, with SUBSET/SCENE/{black,white}_{man,woman}.png.

    Attributes: race, gender, subset (occupations, status, potential_crime) and scene, which is the cluster
    and the counterfactual set: {kind: counterfactual, same: [scene]}. Files of another name are dropped and
    counted.

    Raises
    ------
    UserError
        No image is named so, or a scene shows one person twice.
    """
    find(root, ".", what="PAIRS")
    home = root / "data" if (root / "data").is_dir() else root
    rows, dropped = [], []
    for path in find_images(home):
        parts = path.relative_to(home).parts
        match = PERSON.fullmatch(path.stem)
        if len(parts) < 3 or match is None:
            dropped.append({REASON: NO_PERSON})
            continue
        subset, scene = parts[-3], parts[-2]
        labels = {"race": match["race"].lower(), "gender": match["gender"].lower(), "subset": subset}
        rows.append({ID: path.relative_to(root).as_posix(), **labels, "scene": f"{subset}/{scene}"})
    if not rows:
        raise UserError(
            f"{home}: no image SUBSET/SCENE/black_man.png", remedy="give the folder of the repository"
        )
    frame = pd.DataFrame(rows, columns=[ID, *ATTRIBUTES])
    again = frame.duplicated(["scene", "race", "gender"])
    if again.any():
        name = frame[ID].iloc[int(again.to_numpy().argmax())]
        raise UserError(f"{root}: {name} is there in two versions", remedy="keep one of them")
    return FileDataset(
        frame,
        root=root,
        attributes=ATTRIBUTES,
        card=CARD,
        orders={"subset": SUBSETS, "gender": ("woman", "man"), "race": ("black", "white")},
        dropped=pd.DataFrame(dropped, columns=[REASON]),
    )


KINDS = (DatasetKind.published(load_pairs, CARD),)
