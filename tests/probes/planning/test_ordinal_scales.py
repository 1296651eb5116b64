"""Which attributes have a scale, and what their values count as."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.datasets import load_dataset
from probes.datasets.fairface_age_bands import AGE_BANDS
from probes.planning.ordinal_scales import band_midpoints, scale_of


def test_midpoints_of_fairface() -> None:
    """[0, 3) is 1.5, [3, 10) 6.5, then tens; "more than 70" is as wide as the band before."""
    assert band_midpoints(list(AGE_BANDS)) == [1.5, 6.5, 15, 25, 35, 45, 55, 65, 75]
    assert band_midpoints(["18-29", "30-39", "60+"]) == [24, 35, 65]
    assert band_midpoints(["young", "old", "older"]) is None
    assert band_midpoints(["30-39", "18-29", "60+"]) is None


@pytest.mark.parametrize(
    ("column", "values", "card", "kind"),
    [
        ("age", ["31", "7", "50"], "", "numbers"),
        ("band", ["10-19", "20-29", "30+"], "", "midpoints"),
        ("skin_tone", ["dark", "light", "medium"], "orders: {skin_tone: [light, medium, dark]}", "ranks"),
        ("skin_tone", ["dark", "light", "medium"], "", None),
        ("region", ["1", "2", "3"], "", None),
        ("region", ["1", "2", "3"], "ordinal: [region]", "numbers"),
        ("age", ["young", "old", "old"], "", None),
    ],
)
def test_scales(tmp_path: Path, column: str, values: list[str], card: str, kind: str | None) -> None:
    """Numbers alone are no order: a region may have a number."""
    rows = "\n".join(f"{i}.jpg,{value}" for i, value in enumerate(values))
    (tmp_path / "t.csv").write_text(f"path,{column}\n{rows}\n")
    (tmp_path / "t.card.yaml").write_text(card or "{}")
    scale = scale_of(load_dataset(f"table:{tmp_path / 't.csv'}"), column)
    assert (scale and scale["kind"]) == kind
    if kind == "ranks":
        assert scale is not None and scale["scores"] == [1, 2, 3]


def test_the_embedded_emoji_have_ordered_tones_and_ages() -> None:
    data = load_dataset("emoji")
    tones = scale_of(data, "skin_tone")
    assert tones is not None and tones["scores"] == [1, 2, 3, 4, 5]
    assert scale_of(data, "gender") is None
