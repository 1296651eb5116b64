"""The embedded data set: emoji of people from several open fonts, with names and labels by Unicode CLDR."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.demographic_dataset import ID, DemographicDataset

FOLDER = Path(__file__).parents[1] / "data" / "emoji"
ATTRIBUTES = (
    "skin_tone", "gender", "age", "occupation", "activity", "category", "hair", "concept",
    "vendor", "design_family", "split",
)  # fmt: skip
ABSENT = "none"  # the tables' word for "this attribute does not apply"
ORDERS = {
    "skin_tone": ("light", "medium-light", "medium", "medium-dark", "dark"),
    "gender": ("woman", "man", "person"),
    "age": ("baby", "child", "adult", "older"),
    "split": ("train", "validation", "held_out_combination", "held_out_family"),
}
# A family of designs is a vendor's, and one is held out as a whole.
DERIVED = {"split": "design_family", "vendor": "design_family"}
CARD = DataCard(
    name="emoji",
    title="Emoji of people",
    version="2",
    licence="Apache-2.0 (Noto), MIT (Fluent), CC-BY-4.0 (Twemoji, EmojiOne), CC-BY-SA-4.0 (OpenMoji)",
    consent="not applicable: drawings, no persons",
    label_provenance="by design",
    labelled_by="the names of Unicode CLDR and the designers of the fonts",
    caution="Cartoons: nothing measured on them supports a claim about persons.",
    source="Noto, Fluent, Twemoji, EmojiOne and OpenMoji; see NOTICE",
    cluster="drawing_id",
    image_attributes=("vendor", "design_family", "split"),
    layout="the data themselves",
)


class EmojiDataset(DemographicDataset):
    """The parquet files in the package, in the order of their names.

    Parameters
    ----------
    folder
        Where the parquet files are.

    Raises
    ------
    UserError
        The folder holds no parquet file.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = sorted(folder.glob("*.parquet"))
        if not self._files:
            raise UserError(
                f"{folder}: no parquet file", remedy="install the package again, or run build_emoji"
            )
        table = pd.concat([pd.read_parquet(path) for path in self._files], ignore_index=True)
        self._images: list[bytes] = table.pop("image").tolist()
        frame = table.rename(columns={"id": ID})
        names = list(ATTRIBUTES)
        # "none" says that the attribute does not apply; as a value it would be a group.
        frame[names] = frame[names].mask(frame[names] == ABSENT)
        super().__init__(frame, attributes=names, card=CARD, orders=ORDERS, derived=DERIVED)

    def read_bytes(self, row: int) -> bytes:
        return self._images[row]

    @cached_property
    def sha256(self) -> str:
        """Over the bytes of the parquet files, images included."""
        digest = hashlib.sha256()
        for path in self._files:
            digest.update(path.read_bytes())
        return digest.hexdigest()


KINDS = (DatasetKind(name=CARD.name, load=EmojiDataset, card=CARD, embedded=True),)
