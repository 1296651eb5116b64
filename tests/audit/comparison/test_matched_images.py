from __future__ import annotations

import dataclasses

import pandas as pd

from audit.comparison.compare import compare
from tests.audit.support.compared_audits import drawn


def test_only_images_in_both_are_compared() -> None:
    first, second = drawn(300, seed=5)
    assert second.outcomes is not None
    some = dataclasses.replace(second, outcomes=second.outcomes.iloc[:100])
    comparison = compare(first, some)
    assert comparison.about["matched"] == 100
    assert comparison.changes["n"].iloc[0] == 100
    shuffled = dataclasses.replace(second, outcomes=second.outcomes.iloc[::-1])
    pd.testing.assert_frame_equal(compare(first, shuffled).changes, compare(first, second).changes)
