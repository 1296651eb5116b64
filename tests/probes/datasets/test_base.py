"""The annotation contract refuses frames that do not keep it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from probes.datasets.base import DemographicDataset
from probes.datasets.cards import DataCard

CARD = DataCard(
    name="small", title="Small", version="1", licence="MIT", consent="none needed",
    label_provenance="by design", caution="", cluster="person",
)  # fmt: skip


class Small(DemographicDataset):
    def read_bytes(self, row: int) -> bytes:
        return bytes([row // 2])


def small(frame: dict[str, Sequence[object]], attributes: Sequence[str] = ("age",)) -> Small:
    return Small(pd.DataFrame(frame), attributes=attributes, card=CARD)


@pytest.fixture
def frame() -> dict[str, Sequence[object]]:
    return {"image_id": ["a", "b", "c"], "person": ["p", "p", "q"], "age": ["10-19", "3-9", None]}


def test_missing_columns_are_named(frame: dict) -> None:
    del frame["person"]
    with pytest.raises(ValueError, match="lacks the columns hair, person"):
        small(frame, ["hair"])


def test_repeated_ids_are_refused(frame: dict) -> None:
    with pytest.raises(ValueError, match="ids that repeat"):
        small(frame | {"image_id": ["a", "a", "b"]})


def test_number_bands_sort_as_numbers(frame: dict) -> None:
    assert small(frame).levels("age") == ["3-9", "10-19"]


def test_equal_bytes_have_equal_hashes(frame: dict) -> None:
    data = small(frame)
    assert data.content_hash(0) == data.content_hash(1) != data.content_hash(2)


def test_the_hash_of_the_data_sees_every_label(frame: dict) -> None:
    other = frame | {"age": ["10-19", "3-9", "3-9"]}
    assert small(frame).sha256 == small(dict(frame)).sha256 != small(other).sha256
