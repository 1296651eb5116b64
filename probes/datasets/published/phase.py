"""PHASE (Garcia et al. 2023): persons in images of Google's Conceptual Captions, by three annotators each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import Box, FileDataset, find

FILES = {split: f"phase_gcc_{split}_all_20221101.json" for split in ("train", "val")}
HOMES = ("", "phase_annotations")
ATTRIBUTES = {
    "gender": ("gender",), "age": ("age",), "skin_tone": ("skin tone", "skin_tone", "skintone", "skin"),
    "ethnicity": ("ethnicity",), "activity": ("activity",), "emotion": ("emotion",),
}  # fmt: skip
N_ANNOTATORS = 3
UNSURE = ("unsure", "", "none", "nan")
AGES = ("baby", "child", "young", "adult", "senior")
NO_FILE = "there is no such image in the folder"
NO_REGION = "the person has no region or no annotations"
VOTES = (
    "A label is what at least two of three annotators said, 'unsure' being one answer; without such a "
    "majority a person has none. What each of them said is kept, and carried into the intervals of the "
    "table 'annotators'."
)
CARD = DataCard(
    name="phase",
    title="PHASE",
    version="20221101",
    licence="research only, no commercial use",
    consent="not asked of the persons shown; annotators can withdraw theirs",
    label_provenance="perceived",
    labelled_by="three crowd workers a person",
    caution="Labels are what annotators perceived of persons in images from the web, and they disagree.",
    source="Garcia et al., CVPR 2023; github.com/noagarcia/phase",
    cluster="image_name",
    image_attributes=("split",),
    layout="public code and its README; the key of skin tone was not seen",
    notes=("Each person is cut out by the region.", VOTES),
)


def load_phase(root: Path) -> FileDataset:
    """PHASE: the folder of phase_gcc_{train,val}_all_20221101.json and images/{train,val}/.

    The JSON files may lie in phase_annotations/, the images in train/ and val/ as well. A row is a person,
    cut out by its region. Attributes: gender, age, skin_tone, ethnicity, activity, emotion and split. Persons
    of an image are a cluster. What each annotator said is in `annotations`.

    Raises
    ------
    UserError
        No file is there or one is damaged, a region is not four numbers, or no image is there.
    """
    find(root, ".", what="PHASE")
    found = {split: _file(root, name) for split, name in FILES.items()}
    if not any(found.values()):
        raise UserError(f"{root}: no {' or '.join(FILES.values())}", remedy="unpack the annotations there")
    rows, boxes, files, said, dropped = [], [], [], [], []
    for split, file in found.items():
        home = _images(root, split)
        for name, person, entry in _persons(file) if file else ():
            votes = _votes(entry.get("annotations") or ())
            labels: dict[str, str | None] = {key: _majority(own) for key, own in votes.items()}
            labels["split"] = split
            path = f"{home}/{name}"
            usable = "region" in entry and entry.get("annotations")
            if not usable or not (root / path).is_file():
                dropped.append({REASON: NO_FILE if usable else NO_REGION, **labels})
                continue
            rows.append({ID: f"{name}/{person}", "image_name": name, **labels})
            boxes.append(_box(file, name, entry["region"]))
            files.append(path)
            said.append(votes)
    if not rows:
        raise UserError(f"{root}: none of its images", remedy="unpack them into images/train and images/val")
    attributes = [*ATTRIBUTES, "split"]
    return FileDataset(
        pd.DataFrame(rows, columns=[ID, "image_name", *attributes]),
        root=root,
        attributes=attributes,
        card=CARD,
        files=files,
        boxes=boxes,
        orders={"gender": ("female", "male"), "age": AGES, "split": tuple(FILES)},
        dropped=pd.DataFrame(dropped, columns=[REASON, *attributes]),
        annotations={key: pd.DataFrame([own[key] for own in said]) for key in ATTRIBUTES},
    )


def _file(root: Path, name: str) -> Path | None:
    return next((path for home in HOMES if (path := root / home / name).is_file()), None)


def _images(root: Path, split: str) -> str:
    return f"images/{split}" if (root / "images" / split).is_dir() else split


def _persons(file: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Image, person and entry, of every person of a file."""
    try:
        images = parse_json(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{file}: not JSON, or cut off", remedy="download it again") from error
    if not isinstance(images, dict):
        raise UserError(f"{file}: no JSON object", remedy="take the file of PHASE")
    for name, image in images.items():
        if not isinstance(image, dict):
            raise UserError(f"{file}: the image {name!r} has no persons", remedy="take the file of PHASE")
        for person, entry in image.items():
            if isinstance(entry, dict):  # the caption is a string
                yield str(name), str(person), entry


def _votes(annotations: Sequence[Any]) -> dict[str, list[str | None]]:
    """What each of three annotators said of each attribute; None where one said nothing or "unsure"."""
    votes: dict[str, list[str | None]] = {}
    for attribute, keys in ATTRIBUTES.items():
        said = [
            next((str(one[key]).strip() for key in keys if isinstance(one, dict) and key in one), "")
            for one in annotations
        ]
        known = [None if word.lower() in UNSURE else word for word in said]
        votes[attribute] = (known + [None] * N_ANNOTATORS)[:N_ANNOTATORS]
    return votes


def _majority(votes: Sequence[str | None]) -> str | None:
    """What at least two said; None where none was said twice, or two were unsure."""
    word, n = Counter(votes).most_common(1)[0]
    # None takes part in the vote: two of three unsure annotators leave a person without a label.
    return word if n > len(votes) / 2 else None


def _box(file: Path | None, name: str, region: Any) -> Box:
    """Left, top, right and bottom in pixels, as an image library crops."""
    try:
        left, top, right, bottom = (float(side) for side in region)
    except (TypeError, ValueError) as error:
        raise UserError(f"{file}: the region of {name!r} is {region!r}", remedy="four numbers") from error
    return (left, top, right, bottom)


KINDS = (DatasetKind.published(load_phase, CARD),)
