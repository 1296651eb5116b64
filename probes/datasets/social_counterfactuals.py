"""SocialCounterfactuals (Howard et al. 2024): generated images that differ in social attributes alone."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clipmodel.errors import UserError
from probes.datasets.base import ID, REASON, DataCard, DemographicDataset

COLUMNS = ("image", "counterfactual_set", "caption", "a1", "a1_type", "a2", "a2_type")
NO_IMAGE = "the row has no image"
CARD = DataCard(
    name="social_counterfactuals",
    title="SocialCounterfactuals",
    version="2024",
    licence="MIT",
    consent="not applicable: generated images, no persons",
    label_provenance="by design",
    caution="Images by a generator, labelled by its prompt: whether they show the attributes is not checked.",
    cluster="counterfactual_set",
)


class SocialCounterfactuals(DemographicDataset):
    """SocialCounterfactuals: a parquet file, or a folder of them, with image and counterfactual_set.

    Each type of a1_type and a2_type, such as race and gender, is an attribute; so are a1_type and a2_type.
    Images of one counterfactual set are a cluster. Rows without an image are dropped and counted.

    Raises
    ------
    UserError
        There is no parquet file, one is damaged, or a column is missing.
    """

    def __init__(self, path: Path) -> None:
        self._files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not self._files or not self._files[0].is_file():
            raise UserError(f"{path}: no parquet file", remedy="give the file, or the folder of some")
        table = pd.concat([_read(file) for file in self._files], ignore_index=True)
        images = table.pop("image").map(_bytes)
        types = sorted({*table["a1_type"].dropna(), *table["a2_type"].dropna()})
        frame = table[["counterfactual_set", "a1_type", "a2_type"]].astype(str)
        for name in types:
            values = table["a1"].where(table["a1_type"] == name, table["a2"])
            frame[name] = values.where((table["a1_type"] == name) | (table["a2_type"] == name))
        frame.insert(0, ID, [f"row {number}" for number in range(1, len(frame) + 1)])
        there = images.notna()
        self._images: list[bytes] = images[there].tolist()
        super().__init__(
            frame[there],
            attributes=["a1_type", "a2_type", *types],
            card=CARD,
            dropped=frame[~there].assign(**{REASON: NO_IMAGE}),
        )

    def read_bytes(self, row: int) -> bytes:
        return self._images[row]

    @cached_property
    def sha256(self) -> str:
        """Over the bytes of the parquet files, images included."""
        digest = hashlib.sha256()
        for path in self._files:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _read(file: Path) -> pd.DataFrame:
    try:
        names = pq.read_schema(file).names
        if absent := [name for name in COLUMNS if name not in names]:
            message = f"{file}: no column {absent[0]!r} among: {', '.join(names)}"
            raise UserError(message, remedy=f"the columns are {', '.join(COLUMNS)}")
        return pd.read_parquet(file, columns=list(COLUMNS))
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: not a parquet file, or damaged", remedy="download it again") from error


def _bytes(image: object) -> bytes | None:
    """An image column holds bytes, or as the hub writes it, a mapping with the key "bytes"."""
    content = image.get("bytes") if isinstance(image, dict) else image
    return content if isinstance(content, bytes) and content else None
