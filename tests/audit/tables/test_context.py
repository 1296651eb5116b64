from __future__ import annotations

import numpy as np

from audit.tables.context import MIN_GROUP, TableContext, min_group
from audit.tables.groups.group_counts import SharedCounts, outcome_counts
from audit.tables.rates import rate_table
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
    records_of,
)

IMAGES = draw_images(60, seed=1)


def test_the_groupings_of_every_probe_begin_with_all_images() -> None:
    context = TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES)
    found = list(context.groupings())
    assert [groups.by for _, groups in found] == [(), ("skin_tone",), ("gender",), ("skin_tone", "gender")]
    assert [groups.by for _, groups in context.comparisons()] == [groups.by for _, groups in found[1:]]
    for (_, ours), naive in zip(found, outcome_counts(naive_counts(IMAGES), probe_entry()), strict=True):
        np.testing.assert_array_equal(ours.n, naive.n)
        np.testing.assert_array_equal(ours.count, naive.count)


def test_divisions_are_made_once() -> None:
    shared = SharedCounts(naive_counts(IMAGES))
    context = TableContext.of(shared, manifest_of(probe_entry()), ATTRIBUTES)
    assert context.counts is shared
    first, second = (next(context.comparisons())[1] for _ in range(2))
    assert first is second


def test_other_counts_keep_the_manifest() -> None:
    records = records_of(IMAGES, seed=7)
    context = TableContext.of_records(records)
    half = context.of_counts(naive_counts(IMAGES[:30]))
    assert (context.seed, half.seed, half.attributes) == (7, 7, ATTRIBUTES)
    assert rate_table(half)["n"].iloc[0] == 30
    assert rate_table(context)["n"].iloc[0] == 60


def test_the_smallest_group_is_of_the_probe_or_else_of_the_suite() -> None:
    assert min_group({"min_group": 20}, {"min_group": 10}) == 20
    assert min_group({}, {"min_group": 10}) == 10
    assert min_group({}, {}) == MIN_GROUP
    assert TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ()).min_group({}) == MIN_GROUP
