from __future__ import annotations

from dataclasses import replace

import numpy as np

from audit.calibration.person_counts import (
    CURVE_POINTS,
    SPECIFICATIONS,
    PersonCounts,
    by_group,
    of_the_rest,
    stacked,
)
from audit.calibration.scenarios import Drawn

# Three persons of 2, 1 and 3 images; the score of each image in one probe.
DRAWN = Drawn(
    group=np.array([0, 1, 1]),
    tone=np.array([0, 0, 1]),
    images=np.array([2, 1, 3]),
    scores=np.array([[0.5, 0.31, 0.29, 0.9, 1.0, 0.0]]),
)
COUNTS = PersonCounts.of(DRAWN)


def test_an_image_counts_where_its_score_reaches_the_threshold() -> None:
    assert SPECIFICATIONS.tolist() == [0.5, 0.3, 0.5]
    assert COUNTS.events.tolist() == [[[1, 0, 2], [2, 0, 2], [1, 0, 2]]]
    # Everything reaches 0; only the score of 1 reaches 1.
    assert (CURVE_POINTS[0], CURVE_POINTS[-1]) == (0, 1)
    assert COUNTS.curve[0, 0].tolist() == [2, 1, 3] and COUNTS.curve[0, -1].tolist() == [0, 0, 1]


def test_weighted_persons_are_sums_of_weights() -> None:
    """Weights 1, 2 and 3 of 2, 1 and 3 images are 13 over 6 images: 1 on average after division by 13/6."""
    counts = PersonCounts.of(replace(DRAWN, weights=np.array([1.0, 2.0, 3.0])))
    unit = 6 / 13
    np.testing.assert_allclose(counts.weight, unit * np.array([1, 2, 3]))
    np.testing.assert_allclose(counts.events[0, 1], unit * np.array([2, 0, 6]))
    groups = by_group(counts, counts.events[:, 1], counts.group, 2)
    np.testing.assert_allclose(groups.n, [[2 * unit, (2 + 9) * unit]])
    np.testing.assert_allclose(groups.own, [[2 * unit**2, (4 + 27) * unit**2]])


def test_groups_and_the_rest_of_each() -> None:
    events = COUNTS.events[:, 1]  # above .3: 2, 0 and 2 images
    groups = by_group(COUNTS, events, COUNTS.group, 2)
    assert groups.n.tolist() == [[2, 4]] and groups.count.tolist() == [[2, 2]]
    assert groups.clusters.tolist() == [[1, 2]] and groups.n2.tolist() == [[4, 1 + 9]]
    rest = of_the_rest(COUNTS, events, COUNTS.group, 2)
    assert rest.n.tolist() == [[4, 2]] and rest.with_event.tolist() == [[1, 1]]


def test_some_persons_and_several_audits() -> None:
    some = COUNTS.among(np.array([True, False, True]))
    assert some.images.tolist() == [2, 3] and some.events[0, 0].tolist() == [1, 2]
    one = by_group(COUNTS, COUNTS.events[:, 0], COUNTS.group, 2)
    both = stacked([one, one])
    assert both.count.shape == (2, 1, 2) and both.count.tolist() == [[[1, 2]], [[1, 2]]]
