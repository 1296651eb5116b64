"""Shades: images named by their colour, tone and number, such as red_light_3.png."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID
from probes.datasets.file_dataset import FileDataset, find

CARD = DataCard(
    name="shades",
    title="Shades",
    version="1",
    licence="CC0",
    consent="not applicable: no persons",
    label_provenance="by design",
    labelled_by="the names of the files",
    caution="Squares: nothing measured on them supports a claim about persons.",
    source="drawn for a test",
)


def load_shades(root: Path) -> FileDataset:
    """Shades: a folder of COLOUR_TONE_NUMBER.png. Attributes: colour and tone."""
    find(root, ".", what="Shades")
    names = sorted(path.name for path in root.glob("*.png"))
    rows = [dict(zip((ID, "colour", "tone"), (name, *name.split("_")), strict=False)) for name in names]
    return FileDataset(pd.DataFrame(rows), root=root, attributes=("colour", "tone"), card=CARD)


KINDS = (DatasetKind.published(load_shades, CARD),)
