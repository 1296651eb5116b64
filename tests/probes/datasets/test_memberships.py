"""Attributes of several values: who is in which group."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.memberships import (
    SEVERAL,
    has_value,
    joined_values,
    members,
    membership_column,
    membership_order,
)

COLUMN = pd.Series(["Africa", "Africa + Asia", "Asia", None, "Europe"])


def test_an_image_is_in_each_of_its_groups_once() -> None:
    """Of five images, 2 are African, 2 Asian, 1 European, 1 unknown: 5 memberships of 4 images."""
    assert members(COLUMN, ["Europe", "Oceania"]) == ["Europe", "Africa", "Asia"]
    sizes = {one: int(has_value(COLUMN, one).eq(True).sum()) for one in members(COLUMN)}
    assert sizes == {"Africa": 2, "Asia": 2, "Europe": 1}


def test_the_rest_has_a_label_and_not_the_value() -> None:
    groups = membership_column(COLUMN, "Asia")
    assert groups.fillna("").tolist() == ["not Asia", "Asia", "Asia", "", "not Asia"]
    assert membership_order(COLUMN, "Asia", []) == ["Asia", "not Asia"]


def test_combinations_are_disjoint_single_values_first() -> None:
    assert membership_column(COLUMN, "combinations") is COLUMN
    order = membership_order(COLUMN, "combinations", ["Europe", "Africa", "Asia"])
    assert order == ["Europe", "Africa", "Asia", "Africa + Asia"]


# A machine that is busy with other work draws slowly, which is no fault of the test.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=20))
def test_against_sets(rows: list[set[str]]) -> None:
    """Joined, ordered and taken apart again, every row is the set it was."""
    column = joined_values(pd.Series([";".join(row) for row in rows], dtype=object), ";", list("dcba"))
    for row, text in zip(rows, column, strict=True):
        assert (set(str(text).split(SEVERAL)) if row else set()) == row or pd.isna(text)
    for value in "abcd":
        inside = has_value(column, value)
        assert [bool(one) for one in inside.fillna(False)] == [value in row for row in rows]
        assert inside.isna().tolist() == [not row for row in rows]


def test_a_value_with_the_sign_of_joining_is_refused() -> None:
    with pytest.raises(UserError, match=r"contains ' \+ '"):
        joined_values(pd.Series(["a + b;c"], name="race"), ";")


def test_a_card_says_what_separates_values(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,race\na.jpg,White|Black\nb.jpg,Black\nc.jpg,\n")
    (tmp_path / "t.card.yaml").write_text("several_values: {race: '|'}\norders: {race: [Black, White]}\n")
    data = load_dataset(f"table:{tmp_path / 't.csv'}")
    before = data.sha256
    assert data.values("race").fillna("").tolist() == ["Black + White", "Black", ""]
    assert data.card.several_values == ("race",)
    data.add_memberships(["race: White", "race: White", "gender"])
    assert data.attributes == ["race", "race: White"]
    assert data.values("race: White").fillna("").tolist() == ["White", "not White", ""]
    assert data.derived == {"race: White": "race"}
    assert data.sha256 == before
    with pytest.raises(UserError, match="no image has race 'Whit'"):
        data.add_memberships(["race: Whit"])


def test_a_card_with_an_empty_separator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,race\na.jpg,White\n")
    (tmp_path / "t.card.yaml").write_text("several_values: {race: ' '}\n")
    with pytest.raises(UserError, match="race: no separator"):
        load_dataset(f"table:{tmp_path / 't.csv'}")
