from __future__ import annotations

from pathlib import Path

from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.emoji import CARD, EmojiDataset
from probes.datasets.published.utkface import CARD as UTKFACE
from probes.datasets.published.utkface import load_utkface


def test_what_to_write_for_a_data_set() -> None:
    published = DatasetKind.published(load_utkface, UTKFACE)
    assert (published.name, published.spec, published.card) == ("utkface", "utkface:PATH", UTKFACE)
    embedded = DatasetKind(name="emoji", load=EmojiDataset, card=CARD, embedded=True)
    assert embedded.spec == "emoji" and embedded.load().card.name == "emoji"
    own = DatasetKind(name="table", load=lambda path: EmojiDataset(Path(path)), title="a table")
    assert own.spec == "table:PATH"
