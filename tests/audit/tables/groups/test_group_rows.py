from __future__ import annotations

import numpy as np
import pandas as pd

from audit.tables.groups.group_counts import GroupCounts
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from tests.audit.support.naive_counts import ATTRIBUTES

SPECIFICATIONS = pd.DataFrame(
    {"probe": "work", "design": "default", "template": "plain", "rule": ["argmax", "probability"],
     "threshold": [np.nan, 0.2], "outcome": "harm"}
).astype({"probe": "str", "rule": "str"})  # fmt: skip
COLUMNS = {"n": "int64", "note": "str"}


def counts_by(*by: str, groups: list[tuple[str, ...]], specifications: pd.DataFrame) -> GroupCounts:
    shape = (len(specifications), len(groups), 1)
    return GroupCounts(
        specifications=specifications, by=by, groups=pd.DataFrame(groups, columns=list(by), dtype="str"),
        truths=("(none)",), n=np.ones(shape, np.int64), count=np.zeros(shape, np.int64),
    )  # fmt: skip


TONES = counts_by("skin_tone", groups=[("light",), ("dark",)], specifications=SPECIFICATIONS)
GENDERS = counts_by("gender", groups=[("man",)], specifications=SPECIFICATIONS)


def test_rows_of_a_specification_stand_together_in_the_order_of_the_groupings() -> None:
    parts = [
        GroupRows(groups=TONES, columns={"n": np.array([[1, 2], [3, 4]]), "note": np.array([["", "a"]] * 2)}),
        GroupRows(groups=GENDERS, columns={"n": np.array([5, 6]), "note": "few"}),
    ]
    table = in_suite_order(parts, ATTRIBUTES, COLUMNS)
    # By hand: the two tones of the first specification, its one gender, then the second specification alike.
    assert table["n"].tolist() == [1, 2, 5, 3, 4, 6]
    assert table["rule"].tolist() == ["argmax"] * 3 + ["probability"] * 3
    assert table["threshold"].isna().tolist() == [True] * 3 + [False] * 3
    assert table["skin_tone"].tolist() == ["light", "dark", "(all)"] * 2
    assert table["gender"].tolist() == ["(all)", "(all)", "man"] * 2
    assert table["note"].tolist() == ["", "a", "few"] * 2
    assert list(table) == [*SPECIFICATIONS, *ATTRIBUTES, *COLUMNS]
    assert table["note"].dtype == "str" and table["n"].dtype == "int64"


def test_rows_that_are_not_kept_are_left_out() -> None:
    kept = np.array([[False, True], [True, False]])
    part = GroupRows(groups=TONES, columns={"n": np.array([[1, 2], [3, 4]]), "note": ""}, kept=kept)
    table = in_suite_order([part], ATTRIBUTES, COLUMNS)
    assert table["n"].tolist() == [2, 3]
    assert table["skin_tone"].tolist() == ["dark", "light"]


def test_a_table_may_have_one_row_a_specification() -> None:
    part = GroupRows(groups=TONES, columns={"n": np.array([7, 8]), "note": ""}, by_group=False)
    table = in_suite_order([part], (), COLUMNS)
    assert table["n"].tolist() == [7, 8]
    assert list(table) == [*SPECIFICATIONS, *COLUMNS]


def test_specifications_of_two_probes_stand_one_after_the_other() -> None:
    other = counts_by("gender", groups=[("man",)], specifications=SPECIFICATIONS.assign(probe="age"))
    parts = [GroupRows(groups=one, columns={"n": np.zeros((2, 1)), "note": ""}) for one in (GENDERS, other)]
    assert in_suite_order(parts, ATTRIBUTES, COLUMNS)["probe"].tolist() == ["work"] * 2 + ["age"] * 2


def test_without_rows_the_columns_and_their_types_stay() -> None:
    nobody = counts_by("gender", groups=[], specifications=SPECIFICATIONS)
    part = GroupRows(groups=nobody, columns={"n": np.zeros((2, 0)), "note": ""})
    for parts in ([], [part]):
        table = in_suite_order(parts, ATTRIBUTES, COLUMNS)
        assert len(table) == 0 and list(table) == [*SPECIFICATIONS, *ATTRIBUTES, *COLUMNS]
        assert table["threshold"].dtype == "float64" and table["gender"].dtype == "str"
