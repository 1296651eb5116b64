"""A sample of the images of a data set, evenly spaced."""

from __future__ import annotations

import io

import pandas as pd
from PIL import Image

from probes.datasets.cards import DataCard
from probes.datasets.demographic_dataset import DemographicDataset
from probes.datasets.emoji import EmojiDataset
from probes.datasets.sample import SampledDataset

CARD = DataCard(
    name="grey", title="Grey", version="1", licence="MIT", consent="none needed",
    label_provenance="by design", caution="",
)  # fmt: skip


class Grey(DemographicDataset):
    """Five grey images; the brightness of row i is 10 i."""

    def __init__(self) -> None:
        frame = pd.DataFrame({"image_id": list("abcde"), "age": ["old", "young"] * 2 + ["old"]})
        super().__init__(frame, attributes=["age"], card=CARD)

    def read_bytes(self, row: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("L", (32, 32), 10 * row).save(buffer, "PNG")
        return buffer.getvalue()


def test_rows_are_spaced_evenly_and_read_their_own_image() -> None:
    """Three of five rows are rows 0, 2 and 4."""
    original = Grey()
    sample = SampledDataset(original, 3)
    assert sample.frame["image_id"].tolist() == ["a", "c", "e"]
    assert sample.read_bytes(1) == original.read_bytes(2)
    assert sample.hash_of(1, sample.read_bytes(1)) == original.hash_of(2, original.read_bytes(2))


def test_an_image_keeps_its_mode_for_a_model_that_converts_it() -> None:
    sample = SampledDataset(Grey(), 3)
    data = sample.read_bytes(2)
    kept, converted = sample.image_of(2, data, convert=False), sample.image_of(2, data)
    assert (kept.mode, kept.getpixel((0, 0))) == ("L", 40)
    assert (converted.mode, converted.getpixel((0, 0))) == ("RGB", (40, 40, 40))


def test_a_sample_of_the_emoji_has_a_hash_of_its_own() -> None:
    """Their keywords are lists, which pandas cannot tell apart by hashing."""
    emoji = EmojiDataset()
    hashes = {data.sha256 for data in (emoji, SampledDataset(emoji, 5), SampledDataset(emoji, 6))}
    assert len(hashes) == 3
