"""One of a thing is singular, everything else plural."""

from __future__ import annotations

import math

import pytest

from clipmodel.plurals import number_of


@pytest.mark.parametrize(
    ("n", "expected"),
    [(0, "0 images"), (1, "1 image"), (1.0, "1 image"), (2, "2 images"), (12_345, "12,345 images")],
)
def test_a_number_and_its_noun(n: float, expected: str) -> None:
    assert number_of(n, "image") == expected


def test_other_plurals_and_unknown_numbers() -> None:
    assert number_of(2, "family", "families") == "2 families"
    assert number_of(None, "image") == number_of(math.nan, "image") == "\N{EN DASH} images"
