"""PATA (Seth et al. 2023): persons in scenes, as a list of URLs of which many are dead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import FileDataset, find, open_annotations
from probes.datasets.image_paths import find_images
from probes.datasets.published import pata_captions
from probes.datasets.published.pata_captions import read_captions

FILE, IMAGES = "pata_fairness.files.lst", "images"
RACES = {
    "black": "Black", "caucasian": "Caucasian", "eastasian": "East Asian", "hispanic": "Hispanic",
    "indian": "Indian",
}  # fmt: skip
GENDERS, AGES = ("female", "male"), ("young", "old")
ATTRIBUTES = ("scene", "race", "gender", "age")
NO_LABEL = "the line does not name a scene, race, gender and age"
NO_URL, NO_FILE = "the line has no URL", "the image of the URL is not in the folder"
CARD = DataCard(
    name="pata",
    title="PATA (Protected Attribute Tag Association)",
    version="2023",
    licence="none stated for the list; images: their owners'",
    consent="not asked: images found on the web",
    label_provenance="perceived",
    labelled_by="the authors, by what they searched for",
    caution="Race, gender and age are what was searched for or perceived, in few values each.",
    source="Seth et al., CVPR 2023; github.com/pata-fairness/pata_dataset",
)


class PataDataset(FileDataset):
    """PATA with its captions.

    Attributes
    ----------
    captions
        As `pata_captions.read_captions` returns them; empty where the file is not there.
    """

    captions: pd.DataFrame


def load_pata(root: Path) -> PataDataset:
    """PATA: the folder of pata_fairness.files.lst and of images/, downloaded from its URLs.

    The image of line N of the list is images/N.jpg, with any ending and leading zeros or none. Attributes:
    scene, race (five), gender and age (two each). Lines without labels or a URL, and those whose image is not
    there, are dropped and counted by group. Where pata_fairness.captions.json is there, it is read too.

    Raises
    ------
    UserError
        The list is missing, no image is there, or the captions are damaged.
    """
    file = find(root, FILE, what="PATA")
    # Not splitlines, which breaks at other signs too: the number of a line is the name of its image.
    lines = open_annotations(file).read().split("\n")
    entries = [_entry(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    saved = {path.stem.lstrip("0"): path for path in find_images(root / IMAGES)}
    frame = pd.DataFrame(entries, columns=[ID, *ATTRIBUTES, REASON]).astype(object)
    there = frame[ID].isin(list(saved))
    frame[REASON] = frame[REASON].mask(frame[REASON].isna() & ~there, NO_FILE)
    kept = frame[frame[REASON].isna()].drop(columns=REASON)
    if kept.empty:
        raise UserError(
            f"{root / IMAGES}: none of its images", remedy="save the image of line N of the list as N.jpg"
        )
    captions = _captions(root)
    dataset = PataDataset(
        kept,
        root=root,
        attributes=ATTRIBUTES,
        card=replace(CARD, notes=_notes(captions, set(kept["scene"]))),
        files=[saved[name].relative_to(root).as_posix() for name in kept[ID]],
        orders={"race": tuple(RACES.values()), "gender": GENDERS, "age": AGES},
        dropped=frame[frame[REASON].notna()],
    )
    dataset.captions = captions
    return dataset


def _captions(root: Path) -> pd.DataFrame:
    file = root / pata_captions.FILE
    return read_captions(file) if file.is_file() else pd.DataFrame(columns=list(pata_captions.COLUMNS))


def _notes(captions: pd.DataFrame, scenes: set[str]) -> tuple[str, ...]:
    """How many captions there are, and which scenes have none."""
    if captions.empty:
        return (f"no captions: {pata_captions.FILE} is not there",)
    known = set(captions["scene"])
    note = f"{len(captions):,} captions of {len(known):,} scenes"
    without = sorted(scenes - known)
    return (f"{note}; none of {', '.join(without)}" if without else note,)


def _entry(number: int, line: str) -> dict[str, str | None]:
    """scene_race_gender_age|url; the scene may hold the separator, so the labels are read from the right."""
    words, _, url = line.partition("|")
    scene, race, gender, age = (*words.strip().rsplit("_", 3), *[""] * 3)[:4]
    known = {
        "scene": scene or None,
        "race": RACES.get(race),
        "gender": gender if gender in GENDERS else None,
        "age": age if age in AGES else None,
    }
    reason = NO_LABEL if None in known.values() else None if url.strip().startswith("http") else NO_URL
    return {ID: str(number), **known, REASON: reason}


KINDS = (DatasetKind.published(load_pata, CARD),)
