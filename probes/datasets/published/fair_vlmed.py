"""Harvard-FairVLMed (Luo et al. 2024): fundus images with notes, demographics and glaucoma, as npz files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard, describe
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, REASON, DemographicDataset, UnreadableImageError
from probes.datasets.fairface_age_bands import AGE_BANDS, age_band
from probes.datasets.file_dataset import find
from probes.datasets.withdrawn import with_withdrawal_note, with_withdrawn, withdrawn_rows
from probes.label_text import plain_text

FOLDERS = {"Training": "train", "Validation": "val", "Test": "test"}
IMAGE = "slo_fundus"
NAMES: dict[str, dict[str, str]] = {
    "gender": {"0": "Female", "1": "Male"},
    "race": {"0": "Asian", "1": "Black", "2": "White"},
    "ethnicity": {"0": "Non-Hispanic", "1": "Hispanic"},
    "language": {"0": "English", "1": "Spanish", "2": "Other"},
    "maritalstatus": {
        "0": "Married or partnered", "1": "Single", "2": "Divorced", "3": "Widowed", "4": "Separated",
    },
    "glaucoma": {"0": "no", "1": "yes"},
}  # fmt: skip
UNKNOWN = "-1"
ATTRIBUTES = (*NAMES, "age", "age_band", "split")
DAMAGED = "the npz file is damaged, or holds no image"
CARD = DataCard(
    name="fair_vlmed",
    title="Harvard-FairVLMed",
    version="2024",
    licence="CC BY-NC-ND 4.0; research only, no clinical use",
    consent="records of patients, de-identified; an ethics board allowed their use",
    label_provenance="self-reported",
    labelled_by="demographics: the patients' records; glaucoma: visual field tests",
    caution="Images of eyes, one hospital. Demographics are those of the record.",
    source="Luo et al., CVPR 2024; github.com/Harvard-Ophthalmology-AI-Lab/FairCLIP",
    image_attributes=("split",),
    layout="its README and public code, not a real copy",
    thumbnails=False,  # records of patients
    notes=("The clinical notes are not read.", "age_band has FairFace's bands; the years are in 'age'."),
)


class FairVlmed(DemographicDataset):
    """Rows of a frame, each an npz file whose `slo_fundus` is the image."""

    def __init__(
        self, frame: pd.DataFrame, *, root: Path, card: DataCard, attributes: Sequence[str],
        orders: Mapping[str, Sequence[str]], dropped: pd.DataFrame | None,
    ) -> None:  # fmt: skip
        super().__init__(
            frame, attributes=attributes, card=card, orders=orders, dropped=dropped,
            derived={"age_band": "age"},
        )  # fmt: skip
        self.root = root

    def read_bytes(self, row: int) -> bytes:
        """The image as PNG: the same bytes for the same pixels."""
        try:
            # An array of objects would be a pickle, which could run code.
            with np.load(self.root / str(self.frame[ID].iloc[row]), allow_pickle=False) as opened:
                pixels = np.asarray(opened[IMAGE])
            if pixels.dtype != np.uint8:
                pixels = np.clip(np.nan_to_num(pixels.astype(float)), 0, 255).round().astype(np.uint8)
            buffer = io.BytesIO()
            # PNG keeps every pixel, so the hash of the bytes is that of the pixels.
            Image.fromarray(pixels).save(buffer, format="PNG")
        except FileNotFoundError as error:
            raise UnreadableImageError("there is no such file") from error
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise UnreadableImageError(DAMAGED) from error
        return buffer.getvalue()


def load_fair_vlmed(root: Path) -> FairVlmed:
    """Harvard-FairVLMed: the folder of Training/, Validation/ and Test/ with data_NNNNN.npz.

    Attributes: gender, race, ethnicity, language, maritalstatus, glaucoma, age (years), age_band and split;
    -1 and values that its README does not list are no label. Files that cannot be read are dropped and
    counted. Every image is another patient's.

    Raises
    ------
    UserError
        There is none of the folders, or no npz file that can be read.
    """
    find(root, *FOLDERS, what="Harvard-FairVLMed")
    rows, dropped = [], []
    for folder, split in FOLDERS.items():
        for path in sorted((root / folder).glob("*.npz")):
            labels = _labels(path)
            if labels is None:
                dropped.append({REASON: DAMAGED, "split": split})
            else:
                rows.append({ID: path.relative_to(root).as_posix(), **labels, "split": split})
    if not rows:
        raise UserError(f"{root}: no npz file that can be read", remedy="unpack data_00001.npz ... there")
    known = describe(pd.DataFrame(rows), root, attributes=list(ATTRIBUTES), card=CARD)
    gone = withdrawn_rows(known.frame, known.frame[ID].tolist(), home=root, cluster=known.card.cluster)
    orders = {name: tuple(words.values()) for name, words in NAMES.items()}
    n_gone = int(gone.sum())
    return FairVlmed(
        known.frame[~gone],
        root=root,
        card=with_withdrawal_note(known.card, n_gone),
        attributes=known.attributes,
        orders={**orders, "age_band": AGE_BANDS, "split": tuple(FOLDERS.values()), **known.orders},
        dropped=with_withdrawn(pd.DataFrame(dropped, columns=[REASON, *ATTRIBUTES]), n_gone),
    )


def _labels(path: Path) -> dict[str, str | None] | None:
    """The attributes of a file; None where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as opened:
            values = {name: _plain(opened[name]) for name in (*NAMES, "age") if name in opened.files}
            there = IMAGE in opened.files
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not there:
        return None
    labels = {name: words.get(values.get(name) or UNKNOWN) for name, words in NAMES.items()}
    years = values.get("age") or ""
    whole = years.replace(".", "", 1).isdecimal()
    return labels | {
        "age": str(int(float(years))) if whole else None,
        "age_band": age_band(float(years)) if whole else None,
    }


def _plain(value: Any) -> str:
    """A value of an npz file as text; "" where it is no single one."""
    array = np.asarray(value)
    return (plain_text(array.reshape(-1)[0].item()) or "") if array.size == 1 else ""


KINDS = (DatasetKind.published(load_fair_vlmed, CARD),)
