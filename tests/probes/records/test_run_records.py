from __future__ import annotations

from probes.records import KEYS, empty_counts
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, records_of

RECORDS = records_of(draw_images(80, seed=0))


def test_empty_counts_have_the_dtypes_of_full_ones() -> None:
    empty = empty_counts(ATTRIBUTES)
    assert list(empty.columns) == list(RECORDS.counts.columns)
    assert (
        empty[["n", "count", *KEYS]].dtypes.to_dict()
        == RECORDS.counts[["n", "count", *KEYS]].dtypes.to_dict()
    )
