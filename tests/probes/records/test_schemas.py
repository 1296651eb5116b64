from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.records.schemas import (
    AUDIT_TABLES,
    ESCAPE,
    RECORD_TABLES,
    RESERVED,
    SCHEMAS,
    attribute_column,
    attribute_of,
    attributes_among,
)

NAMES = st.one_of(st.sampled_from(sorted(RESERVED)), st.text(max_size=12), st.just("score_x")).flatmap(
    lambda name: st.integers(0, 3).map(lambda times: ESCAPE * times + name)
)


@given(st.lists(NAMES, unique=True, max_size=8))
def test_no_two_attributes_share_a_column_and_none_is_a_tables_own(names: list[str]) -> None:
    columns = [attribute_column(name) for name in names]
    assert len(set(columns)) == len(columns)
    assert not RESERVED & set(columns)
    assert [attribute_of(column) for column in columns] == names
    for table in (*RECORD_TABLES, *AUDIT_TABLES):
        whole = table.columns(columns)
        assert len(set(whole)) == len(whole)
        assert attributes_among(whole) == (columns if table.attributes else [])


@pytest.mark.parametrize("name", ["gender", "skin tone", "Rate", "rates", "attribute: gender"])
def test_other_names_are_columns_as_they_are(name: str) -> None:
    assert attribute_column(name) == name == attribute_of(name)


def test_the_public_names_of_rates_and_gaps_stay() -> None:
    """Notebooks and users' scripts rely on them."""
    rates = SCHEMAS["rates"].columns(["gender"])
    keys = ["probe", "design", "template", "rule", "threshold", "outcome"]
    assert rates[:13] == [*keys, "gender", "n", "clusters", "count", "rate", "low", "high"]
    gaps = set(SCHEMAS["gaps"].columns(["gender"]))
    assert gaps >= {
        *keys, "gender", "group", "reference", "n_group", "n_reference", "count_group", "count_reference",
        "clusters_group", "clusters_reference",
        "difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high", "p",
        "p_adjusted", "smallest_detectable",
    }  # fmt: skip
