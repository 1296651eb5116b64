"""Odd values are found, told with what was probably meant, and accepted by the card as they are printed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from probes.datasets import load_dataset
from probes.datasets.checks.odd_values import odd_values, odd_values_of, one_letter_apart, values_mapping


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("femal", "female", True),
        ("femlae", "female", True),  # two letters swapped
        ("femaile", "female", True),
        ("famale", "female", True),
        ("male", "female", False),  # two letters
        ("female", "female", False),
        ("woman", "man", False),
    ],
)
def test_one_letter(first: str, second: str, apart: bool) -> None:
    assert one_letter_apart(first, second) is apart
    assert one_letter_apart(second, first) is apart


def _odd(**counts: int) -> dict[str, str | None]:
    values = [name for name, n in counts.items() for _ in range(n)]
    return {one.value: one.meant for one in odd_values(pd.Series(values, dtype=object))}


def test_misspellings_abbreviations_capitals_and_words_for_no_label() -> None:
    found = _odd(**{"Female": 9, "Male": 8, "femal": 3, "F": 2, "male": 1, "N/A": 1, "Prefer not to say": 1})
    assert found == {
        "femal": "Female", "F": "Female", "male": "Male", "N/A": None, "Prefer not to say": None
    }  # fmt: skip


def test_what_may_be_a_group_is_left_alone() -> None:
    assert _odd(**{"3-9": 1, "30-39": 9, "more than 70": 2}) == {}  # bands
    assert _odd(light=5, right=4) == {}  # as frequent
    assert _odd(man=9, men=1) == {}  # too short to tell
    assert _odd(Male=4, Mixed=4, M=1) == {}  # the beginning of both


def test_the_mapping_can_be_pasted(tmp_path: Path) -> None:
    values = ["Female"] * 4 + ["Male"] * 4 + ["femal", "F", "N/A", "unknown"]
    rows = ["path,gender", *(f"{i}.png,{value}" for i, value in enumerate(values))]
    (tmp_path / "people.csv").write_text("\n".join(rows))
    dataset = load_dataset(f"table:{tmp_path / 'people.csv'}")
    text = values_mapping(odd_values_of(dataset))
    assert yaml.safe_load(text) == {
        "values": {"gender": {"femal": "Female", "F": "Female", "N/A": None, "unknown": None}}
    }
    (tmp_path / "people.card.yaml").write_text(text)
    repaired = load_dataset(f"table:{tmp_path / 'people.csv'}")
    assert repaired.frame["gender"].value_counts().to_dict() == {"Female": 6, "Male": 4}
    assert odd_values_of(repaired) == {}
