from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.proportion.label_noise import gap_behind_noise, wrong_labels, wrong_truths


def test_wrong_labels_by_hand() -> None:
    # 30 of 100 against 10 of 100: (30 * 100 - 10 * 100) / (200 - 40) = 12.5, so 13 events move over.
    assert wrong_labels(30, 100, 10, 100) == 13
    assert (30 - 13) / (100 - 13) <= (10 + 13) / (100 + 13)
    assert (30 - 12) / (100 - 12) > (10 + 12) / (100 + 12)


def test_a_group_with_the_lower_rate_loses_images_without_the_event() -> None:
    # The same gap seen from the events that did not happen: 90 of 100 against 70 of 100.
    assert wrong_labels(10, 100, 30, 100) == np.ceil((90 * 100 - 70 * 100) / 40)


@pytest.mark.parametrize("seed", range(5))
def test_wrong_labels_is_the_least_number_that_works(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n1, n2 = rng.integers(5, 60, 2)
    x1, x2 = rng.integers(0, n1 + 1), rng.integers(0, n2 + 1)

    def level(k: int) -> bool:
        if x1 * n2 >= x2 * n1:
            return (x1 - k) * (n2 + k) <= (x2 + k) * (n1 - k)
        return (n1 - x1 - k) * (n2 + k) <= (n2 - x2 + k) * (n1 - k)

    assert wrong_labels(x1, n1, x2, n2) == next(k for k in range(n1 + n2) if level(k))


def test_equal_rates_need_none_and_empty_groups_have_no_answer() -> None:
    assert wrong_labels([5, 0, 3], [10, 10, 0], [10, 0, 1], [20, 10, 5])[:2].tolist() == [0, 0]
    assert np.isnan(wrong_labels(0, 0, 1, 5))
    assert np.isnan(wrong_truths(0, 0, 1, 5))


def test_wrong_truths_by_hand() -> None:
    # 30 of 100 against 10 of 50: 10 of the 30 would have to be right after all; the same from the other side.
    assert wrong_truths(30, 100, 10, 50) == 10
    assert wrong_truths(10, 50, 30, 100) == 10
    assert wrong_truths(5, 10, 10, 20) == 0


def test_random_noise_narrows_a_gap_by_as_much_as_is_undone() -> None:
    # 1,000 images of each group at rates .5 and .3; 10 % of all labels are swapped at random:
    # labelled group 1 is 900 of group 1 and 100 of group 2, rate .48, and the other way round .32.
    assert gap_behind_noise(0.48 - 0.32, 1000, 1000, share=0.1) == pytest.approx(0.2)
    # Of 2,000 and 500 images at 5 %: 1,925 are labelled group 1, 575 group 2.
    seen_1 = (1900 * 0.5 + 25 * 0.3) / 1925
    seen_2 = (100 * 0.5 + 475 * 0.3) / 575
    assert gap_behind_noise(seen_1 - seen_2, 1925, 575, share=0.05) == pytest.approx(0.2)


def test_more_noise_than_a_group_has_images_is_no_answer() -> None:
    assert np.isnan(gap_behind_noise(0.1, 10, 1000, share=0.1))
    with pytest.raises(ValueError, match=r"\[0, 0.5\)"):
        gap_behind_noise(0.1, 10, 10, share=0.5)
