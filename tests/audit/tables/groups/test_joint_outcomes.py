from __future__ import annotations

import pandas as pd

from audit.tables.groups.joint_outcomes import joint_counts, specification_list
from tests.audit.support.outcome_rows import SPECIFICATIONS, outcome_rows


def test_bit_strings_are_counted_by_group_without_what_was_not_evaluated() -> None:
    rows = outcome_rows(["1-1", "1-0", "0-0", "1-1"], tone=["dark", "dark", "light", "(missing)"])
    listed = specification_list({"name": "work", "specifications": SPECIFICATIONS})
    joint = joint_counts(rows, listed, by=["tone"])
    assert joint.names == ["dark", "light"]
    assert joint.specifications["design"].tolist() == ["default", "with_child"]
    assert joint.bits.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert joint.counts.tolist() == [[0, 1, 1], [1, 0, 0]]
    own, rest = joint.sides("dark", "the rest")
    assert (own.tolist(), rest.tolist()) == ([0, 1, 1], [1, 0, 0])


def test_the_specification_list_has_the_keys_of_the_counts() -> None:
    listed = specification_list({"name": "work", "specifications": SPECIFICATIONS})
    assert listed["probe"].tolist() == ["work"] * 3
    assert listed["threshold"].isna().tolist() == [True, False, True]
    assert isinstance(listed, pd.DataFrame)
