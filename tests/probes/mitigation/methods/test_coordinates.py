"""Coordinate methods: which coordinates go, and what stands there afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from probes.mitigation.fitting import FitData
from probes.mitigation.methods.coordinates import SFID, ClipClip, mutual_information, strongest


def test_mutual_information_of_a_coordinate_that_tells_all_is_the_entropy() -> None:
    codes = np.array([0, 1] * 80)
    x = np.column_stack([codes + 0.0, np.arange(160) % 16])
    found = mutual_information(x, codes, bins=2)
    # Coordinate 0 splits into two bins that are the groups: H = ln 2. Coordinate 1 is even within each half.
    assert found == pytest.approx([np.log(2), 0.0], abs=1e-9)


def test_the_coordinate_of_the_attribute_is_dropped_from_both_sides(data: FitData) -> None:
    fitted = ClipClip(share=1 / 12).fit(data)
    for changed in (fitted.images(data.images), fitted.texts(data.texts, data.text_vectors, data.encode)):
        assert np.abs(changed[:, 0]).max() == 0
        assert np.abs(changed[:, 1:]).max() > 0


def test_the_coordinate_is_replaced_by_a_constant(data: FitData) -> None:
    raw = SFID(share=1 / 12, trees=30).fit(data).image.raw(data.images)
    assert np.ptp(raw[:, 0]) == pytest.approx(0, abs=1e-12)
    assert abs(raw[0, 0]) < 0.3  # images that the forest is unsure of lie between the groups
    np.testing.assert_allclose(raw[:, 1:], data.images[:, 1:])


def test_strongest_takes_at_least_one_and_the_first_of_a_tie() -> None:
    assert strongest(np.array([1.0, 2.0, 2.0]), 0.01).tolist() == [1]
