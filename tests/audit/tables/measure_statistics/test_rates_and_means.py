from __future__ import annotations

import numpy as np
import pytest

from audit.statistics.bounded_means import bounded_mean, signed_mean
from audit.statistics.proportion.intervals import adjusted_wilson, newcombe
from audit.tables.measure_statistics.rates_and_means import (
    counts_by_cluster,
    difference_interval,
    differences_of_sides,
    means_of_sides,
    means_over_sets,
    rate_interval,
    rates,
    reported,
    shares_of_events,
    signed_means_over_sets,
)
from probes.records import MISSING
from tests.audit.support.scalar_rows import family_of, scalar_rows

GENDER = ["woman"] * 6 + ["man"] * 3 + [MISSING]
RIGHT = [1, 1, 1, 1, 0, 0, 1, 0, 0, 1]
FRAME = scalar_rows({"right": RIGHT}, gender=GENDER)
BOTH = [{"item": "right", "gender": "woman"}, {"item": "right", "gender": "man"}]


def limits(interval: tuple) -> tuple[float, float]:
    return float(interval[0]), float(interval[1])


def test_rates_by_group_have_the_interval_of_every_rate() -> None:
    women, men = rates(family_of(FRAME, BOTH, by=["gender"], least=4))
    assert (women["n"], women["value"]) == (6, pytest.approx(4 / 6))
    assert (women["low"], women["high"]) == pytest.approx(limits(adjusted_wilson(4, 6)))
    assert (men["n"], men["note"]) == (3, "fewer than 4 images") and np.isnan(men["value"])


def test_shares_of_events_leave_out_images_without_the_attribute() -> None:
    # Of the six right images one has no gender: 4 of the other 5 are of women.
    women, men = shares_of_events(family_of(FRAME, BOTH, by=["gender"]))
    assert (women["n"], women["value"], men["value"]) == (5, pytest.approx(4 / 5), pytest.approx(1 / 5))
    assert (women["low"], women["high"]) == pytest.approx(limits(adjusted_wilson(4, 5)))


def test_copies_of_an_image_tell_no_more_than_the_image() -> None:
    rng = np.random.default_rng(1)
    once = (rng.random(60) < 0.4).astype(float)
    alone = rate_interval(once, np.arange(60), clustered=False)
    copied = rate_interval(np.repeat(once, 3), np.repeat(np.arange(60), 3), clustered=True)
    plain = rate_interval(np.repeat(once, 3), np.arange(180), clustered=False)
    assert np.diff(copied) == pytest.approx(np.diff(alone), rel=0.1)
    assert np.diff(plain) < 0.7 * np.diff(copied)
    sums, sizes = counts_by_cluster(np.array([1.0, 0, 1, 1]), np.array([7, 3, 7, 3]))
    assert (sums.tolist(), sizes.tolist()) == ([1, 2], [2, 2])


def test_means_over_sets_count_sets_and_pairs() -> None:
    frame = scalar_rows({"flip": [0, 0.5, 1, 1]}, n=[1, 2, 1, 1])
    ((row),) = means_over_sets(family_of(frame, [{"item": "flip"}]))
    assert (row["n"], row["value"], row["note"]) == (4, 0.625, "5 pairs in 4 sets")
    assert (row["low"], row["high"]) == pytest.approx(bounded_mean([0, 0.5, 1, 1]))
    ((signed),) = signed_means_over_sets(family_of(frame, [{"item": "flip"}]))
    assert (signed["low"], signed["high"]) == pytest.approx(signed_mean([0, 0.5, 1, 1]))
    ((few),) = means_over_sets(family_of(frame, [{"item": "flip"}], least=5))
    assert np.isnan(few["value"]) and few["note"].endswith("fewer than 5 sets")


SIDES = scalar_rows({"right": RIGHT}, side=["first"] * 6 + ["second"] * 4, gender=GENDER)


def test_a_difference_of_shares_is_newcombes() -> None:
    ((row),) = differences_of_sides(family_of(SIDES, [{"item": "right"}]))
    assert (row["n"], row["value"]) == (10, pytest.approx(4 / 6 - 2 / 4))
    assert (row["low"], row["high"]) == pytest.approx(limits(newcombe(4, 6, 2, 4)))
    ((few),) = differences_of_sides(family_of(SIDES, [{"item": "right"}], least=5))
    assert few["note"] == "fewer than 5 images"


def test_a_difference_of_other_numbers_is_students_and_within_bounds() -> None:
    values = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.4])
    sides = (np.arange(6) < 3, np.arange(6) >= 3)
    low, high = difference_interval(values, sides, np.arange(6), clustered=False)
    # Both sides have variance .01: error sqrt(.02 / 3) = .0816, Student's quantile with 4 degrees 2.776.
    assert (low, high) == pytest.approx((0.5 - 2.776 * 0.08165, 0.5 + 2.776 * 0.08165), abs=0.002)
    wide = difference_interval(10 * values, sides, np.arange(6), clustered=False)
    assert wide[1] == 1


def test_the_mean_of_two_sides_joins_both_errors() -> None:
    ((row),) = means_of_sides(family_of(SIDES, [{"item": "right"}]))
    assert row["value"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    halves = [p - limits(adjusted_wilson(x, n))[0] for p, x, n in ((4 / 6, 4, 6), (1 / 2, 2, 4))]
    assert row["low"] == pytest.approx(row["value"] - np.hypot(*halves) / 2)


def test_a_reported_number_has_no_interval_and_is_one() -> None:
    frame = scalar_rows({"score": [0.25]}, n=[17], gender=["woman"])
    ((row),) = reported(family_of(frame, [{"item": "score"}]))
    assert (row["n"], row["value"], np.isnan(row["low"]), np.isnan(row["p"])) == (17, 0.25, True, True)
    with pytest.raises(ValueError, match="10 rows for one reported number"):
        list(reported(family_of(FRAME, [{"item": "right"}])))
