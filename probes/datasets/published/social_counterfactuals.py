"""SocialCounterfactuals (Howard et al. 2024): generated images that differ in social attributes alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.datasets.formats.parquet_images import ParquetImages, read_metadata

IMAGE = "image"
COLUMNS = ("counterfactual_set", "a1", "a1_type", "a2", "a2_type")
CARD = DataCard(
    name="social_counterfactuals",
    title="SocialCounterfactuals",
    version="2024",
    licence="MIT",
    consent="not applicable: generated images, no persons",
    label_provenance="by design",
    labelled_by="the prompt of the generator",
    source="Howard et al., CVPR 2024; Intel/SocialCounterfactuals on the Hugging Face hub",
    caution="Images by a generator, labelled by its prompt: whether they show the attributes is not checked.",
    cluster="counterfactual_set",
)


class SocialCounterfactuals(DemographicDataset):
    """SocialCounterfactuals: a parquet file, or a folder of them, with image and counterfactual_set.

    Each type of a1_type and a2_type, such as race and gender, is an attribute; so are a1_type and a2_type.
    Images of one counterfactual set are a cluster. Only annotations are read beforehand; a row without an
    image counts as unreadable.

    Raises
    ------
    UserError
        There is no parquet file, one is damaged, or a column is missing.
    """

    def __init__(self, path: Path) -> None:
        files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not files or not files[0].is_file():
            raise UserError(f"{path}: no parquet file", remedy="give the file, or the folder of some")
        table = pd.concat([_read(file) for file in files], ignore_index=True)
        self._images = ParquetImages(files, IMAGE)
        types = sorted({*table["a1_type"].dropna(), *table["a2_type"].dropna()})
        frame = table[["counterfactual_set", "a1_type", "a2_type"]].astype(str)
        for name in types:
            # A type is in the first or the second pair, depending on the set.
            values = table["a1"].where(table["a1_type"] == name, table["a2"])
            frame[name] = values.where((table["a1_type"] == name) | (table["a2_type"] == name))
        frame.insert(0, ID, [f"row {number}" for number in range(1, len(frame) + 1)])
        super().__init__(frame, attributes=["a1_type", "a2_type", *types], card=CARD)

    def read_bytes(self, row: int) -> bytes:
        return self._images.read(row)


def _read(file: Path) -> pd.DataFrame:
    # Only the footers: the files hold gigabytes of images.
    names = read_metadata(file).schema.to_arrow_schema().names
    if absent := [name for name in (IMAGE, *COLUMNS) if name not in names]:
        message = f"{file}: no column {absent[0]!r} among: {', '.join(names)}"
        raise UserError(message, remedy=f"the columns are {', '.join((IMAGE, *COLUMNS))}")
    return pd.read_parquet(file, columns=list(COLUMNS))


KINDS = (DatasetKind.published(SocialCounterfactuals, CARD),)
