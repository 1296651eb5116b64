"""Monk Skin Tone Examples, MST-E (Schumann et al. 2023): 19 people in many poses and lights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.annotation_tables import read_table, repairs
from probes.datasets.cards import UNVERIFIED, DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON
from probes.datasets.file_dataset import FileDataset, checked_values, find, read_annotations
from probes.datasets.image_paths import image_suffixes

DETAILS, CHOSEN = "mst-e_image_details.csv", "golden_and_adversarial_mst-e_image_ids.csv"
FOLDER = "mst-e_data"
COLUMNS = ("subject_name", "image_ID", "MST", "pose", "lighting", "mask")
TONES = tuple(str(tone) for tone in range(1, 11))
ATTRIBUTES = ("skin_tone", "pose", "lighting", "mask", "chosen_as")
VIDEO = "the row is a video"
NO_FILE = "there is no such file in the folder of the subject"
NOT_DECODED = "the format of the image is not read"
CARD = DataCard(
    name="mst_e",
    title="Monk Skin Tone Examples (MST-E)",
    version="2023",
    licence=f"Google's terms: research and training of human annotators, no training of models {UNVERIFIED}",
    consent="given: the people posed for the set",
    label_provenance="perceived",
    labelled_by="Ellis Monk, one tone a person",
    caution="Made to calibrate annotators: 19 people, one person of tone 7 and one of tone 10. Differences "
    "between tones are differences between single people.",
    source="Schumann et al., NeurIPS 2023; skintone.google",
    cluster="subject_name",
    image_attributes=("pose", "lighting", "mask", "chosen_as"),
    layout="public code, not a real copy",
    thumbnails=False,  # its terms restrict what the images may be used for
)


def load_mst_e(root: Path) -> FileDataset:
    """MST-E: the folder mst-e_data, or the one that holds it.

    Attributes: skin_tone (Monk, 1 to 10), pose, lighting, mask, and chosen_as (golden or not ideal, where the
    second table chose the image). Images of a person are a cluster; videos and missing images are dropped and
    counted.

    Raises
    ------
    UserError
        The table or a column is missing, a tone is none of 1 to 10, or no image is there.
    """
    find(root, ".", what="MST-E")
    home = root / FOLDER if (root / FOLDER / DETAILS).is_file() else root
    file = find(home, DETAILS, what="MST-E")
    table = read_annotations(file, COLUMNS, key="image_ID")
    frame = pd.DataFrame(
        {
            ID: table["subject_name"] + "/" + table["image_ID"],
            "subject_name": table["subject_name"],
            "skin_tone": checked_values(file, table["MST"], TONES),
            "pose": table["pose"],
            "lighting": table["lighting"],
            "mask": table["mask"],
            "chosen_as": table["image_ID"].map(_chosen(home / CHOSEN)).astype(object),
        }
    )
    reason = pd.Series(None, index=table.index, dtype=object)
    there = [(home / name).is_file() for name in frame[ID].fillna("")]
    reason = reason.mask(~pd.Series(there, index=table.index), NO_FILE)
    # Later masks win: a video is called so, even if its file is missing too.
    reason = reason.mask(~table["image_ID"].str.lower().str.endswith(image_suffixes()), NOT_DECODED)
    reason = reason.mask(table["pose"].str.lower() == "video", VIDEO)
    kept = reason.isna()
    if not kept.any():
        raise UserError(f"{home}: none of its images", remedy="unpack subject_0/, subject_1/ ... there")
    return FileDataset(
        frame[kept].reset_index(drop=True),
        root=home,
        attributes=ATTRIBUTES,
        card=replace(CARD, notes=repairs(table)),
        orders={"skin_tone": TONES, "chosen_as": ("golden", "not ideal")},
        dropped=frame[~kept].assign(**{REASON: reason[~kept]}),
    )


def _chosen(file: Path) -> dict[str, str]:
    """Image -> what the second table chose it as; nothing where there is no such table."""
    if not file.is_file():
        return {}
    table = read_table(file)
    found: dict[str, str] = {}
    # Golden comes last and so wins where an image is in both lists.
    for column, words in (("not_ideal_image_id", "not ideal"), ("golden_image_id", "golden")):
        if column in table:
            found |= dict.fromkeys(table[column].dropna(), words)
    return found


KINDS = (DatasetKind.published(load_mst_e, CARD),)
