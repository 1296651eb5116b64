from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audit.calibration.bulk_batch import Batch
from audit.calibration.person_counts import SPECIFICATIONS, PersonCounts
from audit.calibration.scenarios import BY_NAME, Scenario, drawn
from audit.conclusions.error_control import LEVEL
from probes.suite.held_out_images import drawn_share

SMALL = replace(BY_NAME["gaps"], persons=(40, 30, 20), probes=2, gaps=1, gap=0.4, reference="g0")


def batch(scenario: Scenario, seeds: tuple[int, ...] = (1, 2)) -> Batch:
    return Batch.of(scenario, [drawn(scenario, seed=seed) for seed in seeds], list(seeds))


def test_both_sides_of_a_contrast_are_sums_over_persons() -> None:
    own = batch(SMALL)
    for audit, seed in enumerate(own.seeds):
        counts = PersonCounts.of(drawn(SMALL, seed=seed))
        for place, group in enumerate((1, 2)):  # against g0
            inside, reference = counts.group == group, counts.group == 0
            np.testing.assert_array_equal(
                own.origin.own.count[audit, ..., place], counts.events[..., inside].sum(axis=-1)
            )
            assert (own.origin.other.n[audit, ..., place] == counts.images[reference].sum()).all()


def test_the_rest_of_a_group_is_everybody_else() -> None:
    own = batch(replace(SMALL, reference="(rest)"))
    assert own.origin.own.n.shape[-1] == 3
    total = own.origin.own.n + own.origin.other.n
    assert (total == total[..., :1]).all()


def test_only_the_gap_that_is_planted_is_true() -> None:
    own = batch(SMALL)
    assert own.is_gap[:, 0].tolist() == [[False, True], [False, False]]
    truth = own.true_difference  # [P, S, C]
    assert truth.shape == (2, len(SPECIFICATIONS), 2)
    # At the threshold of one half the gap is the one that was asked for.
    assert truth[0, 0].tolist() == pytest.approx([0.0, 0.4])
    assert not truth[1].any()
    # Against a rest that holds the different group, the other groups differ by an unknown amount.
    rest = batch(replace(SMALL, reference="(rest)")).true_difference
    assert np.isnan(rest[0, :, :2]).all() and not np.isnan(rest[0, :, 2]).any()


def test_tests_share_the_level() -> None:
    own = batch(SMALL)
    # Two probes, S specifications, two contrasts; a p that is undefined takes no share.
    tests = np.count_nonzero(~np.isnan(own.p[0][0]))
    assert 0 < tests <= 2 * len(SPECIFICATIONS) * 2
    assert own.level(0) == LEVEL / tests


def test_persons_are_held_out_by_their_names() -> None:
    scenario = replace(SMALL, confirm=0.5)
    own = batch(scenario)
    assert own.held_out is not None
    for one, held, seed in zip(own.explored, own.held_out, own.seeds, strict=True):
        whole = PersonCounts.of(drawn(scenario, seed=seed))
        assert len(one.group) + len(held.group) == len(whole.group)
        kept = drawn_share(pd.Series([f"p{k}" for k in range(len(whole.group))]), 0.5, seed=seed)
        np.testing.assert_array_equal(held.images, whole.images[kept])


def test_an_interval_at_another_confidence() -> None:
    own = batch(SMALL).origin
    wide, narrow = own.interval(0.99, 0), own.interval(0.95, 0)
    known = ~np.isnan(narrow[0])
    assert (wide[0][known] <= narrow[0][known]).all() and (wide[1][known] >= narrow[1][known]).all()
    np.testing.assert_allclose(narrow[0], own.estimates["difference_low"][0])
