from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.statistics.multiplicity import holm
from audit.statistics.variation.specification_variance import PARTS
from audit.tables.context import TableContext
from audit.tables.rates import gap_table
from audit.tables.specification_curves import (
    GAP,
    NO_OUTCOMES,
    ONE_SPECIFICATION,
    SPECIFICATION_COLUMNS,
    joined_specifications,
    specification_parts,
    specification_rows,
    specification_table,
)
from tests.audit.support.invented_audit import invented_records
from tests.audit.support.naive_counts import context_of, manifest_of
from tests.audit.support.outcome_rows import counts_of, outcome_rows, probe_of

SPECIFICATIONS = [
    ["default", "plain", "argmax", None],
    ["with_child", "plain", "argmax", None],
    ["default", "photo", "argmax", None],
    ["with_child", "photo", "argmax", None],
]


def drawn_outcomes(n: int, *, seed: int, excess: float = 0.0) -> pd.DataFrame:
    """Images of three tones; `excess` adds to the chance of the dark ones in every specification."""
    rng = np.random.default_rng(seed)
    tone = rng.choice(["dark", "medium", "light"], n)
    chance = 0.2 + excess * (tone == "dark")
    # Half of the images answer alike in every specification.
    alike, shared = rng.random(n) < 0.5, rng.random(n)
    happened = [np.where(alike, shared, rng.random(n)) < chance for _ in SPECIFICATIONS]
    bit_strings = ["".join("01"[int(bit)] for bit in image) for image in zip(*happened, strict=True)]
    return outcome_rows(bit_strings, tone=tone.tolist())


def table_of(
    outcomes: pd.DataFrame, *, keep: bool = True, **probe: object
) -> tuple[pd.DataFrame, pd.DataFrame]:
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"], **probe))
    gaps = gap_table(TableContext.of(counts_of(outcomes, SPECIFICATIONS, by=["tone"]), manifest, ["tone"]))
    return specification_table(context_of(manifest, outcomes=outcomes if keep else None), gaps), gaps


def test_one_row_a_gap_with_its_spread() -> None:
    table, gaps = table_of(drawn_outcomes(900, seed=1, excess=0.3))
    assert tuple(table.columns) == SPECIFICATION_COLUMNS
    assert sorted(table["group"]) == ["dark", "light", "medium"]
    dark, own = table.set_index("group").loc["dark"], gaps[gaps["group"] == "dark"]
    assert dark["specifications"] == 4
    assert dark["difference_median"] == pytest.approx(np.median(own["difference"]))
    assert (dark["difference_min"], dark["difference_max"]) == (
        own["difference"].min(),
        own["difference"].max(),
    )
    outside = (own["difference_low"] > 0) | (own["difference_high"] < 0)
    assert dark["share_excludes_zero"] == outside.mean() == 1
    assert dark["share_above"] == 1
    assert dark["curve_p"] < 1e-6  # beyond the last of 1,999 draws, by the tail
    np.testing.assert_allclose(table["curve_p_adjusted"], holm(table["curve_p"]))


def test_the_sampling_variance_is_that_of_the_single_gaps() -> None:
    outcomes = drawn_outcomes(600, seed=2)
    table, gaps = table_of(outcomes)
    own = gaps[gaps["group"] == "dark"]
    p1, n1, p2, n2 = (own[c] for c in ("rate_group", "n_group", "rate_reference", "n_reference"))
    expected = (p1 * (1 - p1) / (n1 - 1) + p2 * (1 - p2) / (n2 - 1)).mean()
    assert table.set_index("group").loc["dark", "variance_sampling"] == pytest.approx(expected)


def test_a_named_reference_is_permuted_with_its_group_alone() -> None:
    outcomes = drawn_outcomes(600, seed=3, excess=0.4)
    table, _ = table_of(outcomes, references={"tone": "light"})
    assert table["reference"].tolist() == ["light", "light"]
    # The dark images, however unlike, are none of the business of medium against light.
    assert table.set_index("group").loc["medium", "curve_p"] > 0.05


def test_without_the_outcomes_the_spread_remains() -> None:
    table, _ = table_of(drawn_outcomes(300, seed=4), keep=False)
    assert (table["note"] == NO_OUTCOMES).all()
    assert table["difference_median"].notna().all()
    assert table[[f"variance_{part}" for part in PARTS]].isna().all(axis=None)
    assert table["curve_p"].isna().all()


def test_one_way_of_asking_has_the_p_of_its_gap() -> None:
    outcomes = drawn_outcomes(300, seed=4)
    outcomes = outcomes.assign(outcome_bits=outcomes["outcome_bits"].str[:1])
    manifest = manifest_of(probe_of(SPECIFICATIONS[:1], by=["tone"]))
    gaps = gap_table(
        TableContext.of(counts_of(outcomes, SPECIFICATIONS[:1], by=["tone"]), manifest, ["tone"])
    )
    table = specification_table(context_of(manifest, outcomes=outcomes), gaps)
    assert (table["note"] == ONE_SPECIFICATION).all()
    assert table["curve_p"].tolist() == gaps["p"].tolist()
    assert table["curve_p_adjusted"].tolist() == pytest.approx(holm(gaps["p"]).tolist())


def test_groups_too_small_have_no_curve() -> None:
    outcomes = drawn_outcomes(300, seed=5)
    few = outcomes[outcomes["tone"] == "dark"].index[2:]
    table, _ = table_of(outcomes.drop(few))
    dark = table.set_index("group").loc["dark"]
    assert dark["specifications"] == 0
    assert np.isnan(dark["difference_median"])
    assert dark["note"] == "too few images"


def test_two_groups_that_mirror_each_other_have_one_p() -> None:
    outcomes = drawn_outcomes(300, seed=6)
    table, _ = table_of(outcomes[outcomes["tone"] != "medium"])
    assert len(set(table["curve_p_adjusted"])) == 1
    assert table["difference_median"].sum() == pytest.approx(0)


def test_the_same_seed_gives_the_same_table_and_no_gap_depends_on_the_others() -> None:
    outcomes = drawn_outcomes(400, seed=7)
    table, gaps = table_of(outcomes)
    again, _ = table_of(outcomes)
    pd.testing.assert_frame_equal(table, again)
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"]))
    alone = specification_table(context_of(manifest, outcomes=outcomes), gaps[gaps["group"] == "dark"])
    assert alone["curve_p"].item() == table.set_index("group").loc["dark", "curve_p"]


def test_no_gaps_give_an_empty_table() -> None:
    _, gaps = table_of(drawn_outcomes(50, seed=1))
    table = specification_table(context_of(manifest_of(probe_of(SPECIFICATIONS, by=["tone"]))), gaps.iloc[:0])
    assert tuple(table.columns) == SPECIFICATION_COLUMNS
    assert not len(table)
    assert set(GAP) <= set(table.columns)


def test_parts_worked_out_in_any_order_make_the_table_of_the_whole() -> None:
    context = TableContext.of_records(invented_records())
    gaps = gap_table(context)
    whole = specification_table(context, gaps)
    parts = specification_parts(gaps)
    assert len(parts) == len(gaps[["probe", "by"]].drop_duplicates()) > 1
    assert [len(part) for part in parts] == sorted((len(part) for part in parts), reverse=True)
    assert sum(map(len, parts)) == len(gaps)
    rows = [row for part in reversed(parts) for row in specification_rows(context, part)]
    pd.testing.assert_frame_equal(joined_specifications(gaps, rows), whole, check_exact=True)
