"""Coordinate methods: which coordinates go, and what stands there afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import mutual_info_score

from probes.mitigation.fitting import FitData
from probes.mitigation.methods.coordinates import SFID, ClipClip, mutual_information, strongest
from probes.mitigation.transform import unit


def test_mutual_information_of_a_coordinate_that_tells_all_is_the_entropy() -> None:
    codes = np.array([0, 1] * 80)
    x = np.column_stack([codes + 0.0, np.arange(160) % 16])
    found = mutual_information(x, codes, bins=2)
    # Coordinate 0 splits into two bins that are the groups: H = ln 2. Coordinate 1 is even within each half.
    assert found == pytest.approx([np.log(2), 0.0], abs=1e-9)


def test_mutual_information_is_that_of_the_table_of_bins_and_groups() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 320)
    x = rng.standard_normal((320, 4)) + codes[:, None] * np.array([0.0, 0.3, 1.0, 3.0])
    # 320 values in 16 equally full bins: 20 in each.
    bins = np.array([[sorted(column).index(value) // 20 for value in column] for column in x.T])
    wanted = [mutual_info_score(own, codes) for own in bins]
    assert mutual_information(x, codes, bins=16) == pytest.approx(wanted)
    assert (np.diff(wanted) > 0).all()


def test_clip_clip_zeroes_the_most_telling_coordinates_of_both_sides(data: FitData) -> None:
    """Wang et al. 2021: drop the m coordinates of the largest information, one by one."""
    information, left = mutual_information(data.images, data.codes), data.images.copy()
    texts = data.text_vectors.copy()
    for _ in range(3):
        worst = int(np.argmax(information))
        left[:, worst] = texts[:, worst] = 0
        information[worst] = -1
    fitted = ClipClip(share=0.25).fit(data)  # of 12
    np.testing.assert_allclose(fitted.images(data.images), unit(left), atol=1e-6)
    np.testing.assert_allclose(fitted.texts([], data.text_vectors, data.encode), unit(texts), atol=1e-6)
    # Once dropped, dropping them again changes nothing.
    np.testing.assert_allclose(fitted.images(fitted.images(data.images)), unit(left), atol=1e-6)


def test_sfid_imputes_by_images_of_low_confidence_one_at_a_time(data: FitData) -> None:
    """Jung et al. 2024 as a loop: rank coordinates, find unsure images, put their mean in."""
    forest = RandomForestClassifier(
        30, oob_score=True, random_state=data.seed, min_samples_leaf=5
    ).fit(data.images, data.codes)  # fmt: skip
    unsure = forest.oob_decision_function_.max(axis=1)
    neutral = [x for x, sure in zip(data.images, unsure, strict=True) if sure <= np.quantile(unsure, 0.2)]
    images, texts = data.images.copy(), data.text_vectors.copy()
    for coordinate in sorted(range(12), key=lambda j: -forest.feature_importances_[j])[:3]:
        images[:, coordinate] = np.mean([x[coordinate] for x in neutral])
        texts[:, coordinate] = data.text_vectors[:, coordinate].mean()
    fitted = SFID(share=0.25, trees=30).fit(data)
    np.testing.assert_allclose(fitted.images(data.images), unit(images), atol=1e-6)
    np.testing.assert_allclose(fitted.texts([], data.text_vectors, data.encode), unit(texts), atol=1e-6)


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
