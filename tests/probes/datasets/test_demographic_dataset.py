"""The annotation contract refuses frames that do not keep it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.demographic_dataset import (
    DemographicDataset,
    UnreadableImageError,
    decode,
    read_image_file,
)

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


def test_digits_that_are_no_numbers_sort_as_text(frame: dict) -> None:
    # "2" in superscript is a digit to Python's isdigit, and no number to int.
    assert small(frame | {"age": ["10\u00b2", "3", "10\u00b2"]}).levels("age") == ["3", "10\u00b2"]


def test_equal_bytes_have_equal_hashes(frame: dict) -> None:
    data = small(frame)
    assert data.content_hash(0) == data.content_hash(1) != data.content_hash(2)


def test_the_hash_of_the_data_sees_every_label(frame: dict) -> None:
    other = frame | {"age": ["10-19", "3-9", "3-9"]}
    assert small(frame).sha256 == small(dict(frame)).sha256 != small(other).sha256


def test_a_column_of_lists_is_part_of_the_hash(frame: dict) -> None:
    """Parquet gives keywords as arrays, JSON as lists; both are one content with one hash."""
    as_arrays, as_lists, other = (
        small(frame | {"keywords": keywords}).sha256
        for keywords in (
            [np.array(["x", "y"], object), None, np.array(["x"], object)],
            [["x", "y"], None, ["x"]],
            [["x"], None, ["x"]],
        )
    )
    assert as_arrays == as_lists != other


@pytest.mark.parametrize("value", ["(all)", "(missing)", " (rest)\u200b", "(none)", "(overall)", "(best)"])
def test_values_that_tables_use_otherwise_are_refused_by_name(frame: dict, value: str) -> None:
    with pytest.raises(UserError, match=r"age is '\(\w+\)', first in image b"):
        small(frame | {"age": ["3-9", value, None]})


def test_labels_are_brought_into_one_form_and_the_card_says_so(frame: dict) -> None:
    data = small(frame | {"age": ["3-9 ", "\u00a03-9", "x\x00"]})
    assert data.levels("age") == ["3-9", "x\ufffd"]
    assert data.card.notes == (
        "Blanks, invisible characters or another Unicode form in 2 labels of age were evened out.",
        "Control characters in 1 label of age were replaced.",
    )


def test_labels_of_any_type_are_text(frame: dict) -> None:
    """A user's frame in Python may hold numbers: they are the labels that a file of the same rows has."""
    assert small(frame | {"age": [1, 2.0, None]}).levels("age") == ["1", "2"]


def test_an_attribute_called_like_a_column_of_the_frames_is_none(frame: dict) -> None:
    data = small(frame | {"reason": ["a", "b", "c"]}, ["age", "reason", "image_id"])
    assert data.attributes == ["age"]
    assert [note.split(" ")[2] for note in data.card.notes] == ["'reason'", "'image_id'"]


def test_a_file_is_found_by_a_name_of_another_unicode_form(tmp_path: Path) -> None:
    """A table written on Linux names "é" as one character, the disk of a Mac has two."""
    (tmp_path / "cafe\u0301.jpg").write_bytes(b"x")
    assert read_image_file(tmp_path / "caf\u00e9.jpg") == b"x"
    with pytest.raises(UnreadableImageError, match="no such file"):
        read_image_file(tmp_path / "cafe.jpg")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>404", "the file is a web page"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 50, "HEIC, which is not read"),
        (b"\xff\xd8\xff\xe0", "the image cannot be decoded"),
    ],
)
def test_why_an_image_cannot_be_read(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError, match=reason):
        decode(content)
