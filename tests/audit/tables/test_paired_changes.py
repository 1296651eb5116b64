from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import cochrans_q

from audit.statistics.clusters.design_effects import change_design_effect
from audit.statistics.proportion.tests_of_proportions import permutation_homogeneity_p
from audit.tables.between_group_variation import variation_table
from audit.tables.context import TableContext
from audit.tables.paired_changes import change_test_table, paired_table
from tests.audit.support.naive_counts import context_of, manifest_of
from tests.audit.support.outcome_rows import counts_of, outcome_rows, probe_of

SPECIFICATIONS = [
    ["default", "plain", "argmax", None], ["default", "plain", "probability", 0.5],
    ["with_child", "plain", "argmax", None], ["with_child", "plain", "probability", 0.5],
    ["default", "ensemble", "argmax", None],
]  # fmt: skip
ARGMAX = [0, 2, 4]


def answers(n: int, *, seed: int, change: float = 0.1) -> tuple[np.ndarray, pd.DataFrame]:
    """What happened to n images in all ways, and the rows of outcomes."""
    rng = np.random.default_rng(seed)
    happened = (rng.random((n, 1)) < 0.4) ^ (rng.random((n, len(SPECIFICATIONS))) < change)
    bit_strings = ["".join("01"[int(bit)] for bit in image) for image in happened]
    return happened, outcome_rows(bit_strings, tone=rng.choice(["dark", "light", "(missing)"], n).tolist())


def pairs_of(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Joint counts of the first way and each other one of the same rule, by plain masks."""
    rows = []
    for first, other in ((0, 2), (0, 4), (1, 3)):
        one, two = (outcomes["outcome_bits"].str[place] == "1" for place in (first, other))
        cells = {
            "both": one & two,
            "only_first": one & ~two,
            "only_second": ~one & two,
            "neither": ~one & ~two,
        }
        for tone, own in outcomes.groupby("tone"):
            key = dict(zip(("design", "template", "rule", "threshold"), SPECIFICATIONS[first], strict=True))
            key |= {"other_design": SPECIFICATIONS[other][0], "other_template": SPECIFICATIONS[other][1]}
            counts = {name: int(cell[own.index].sum()) for name, cell in cells.items()}
            rows.append({"probe": "work", "outcome": "harm", "tone": tone, "n": len(own), **key, **counts})
    return pd.DataFrame(rows).astype({"threshold": "float64"})


def table_of(outcomes: pd.DataFrame, **probe: Any) -> pd.DataFrame:
    return change_test_table(outcomes, probe_of(SPECIFICATIONS, by=["tone"], **probe), seed=0).set_index(
        ["by", "group", "rule", "other_design", "other_template"]
    )


def test_equal_rates_agree_with_cochrans_q_in_every_group() -> None:
    happened, outcomes = answers(150, seed=1)
    table = table_of(outcomes)
    for by, group, own in (
        ("", "all images", outcomes["tone"] != ""),
        ("tone", "dark", outcomes["tone"] == "dark"),
    ):
        expected = cochrans_q(happened[own.to_numpy()][:, ARGMAX].astype(int)).pvalue
        for other in (("with_child", "plain"), ("default", "ensemble")):
            found = table.loc[(by, group, "argmax", *other), "omnibus_p"]
            assert found == pytest.approx(expected, abs=0.06)
    # Two ways at a threshold: McNemar's test says it.
    assert np.isnan(table.loc["", "all images", "probability", "with_child", "plain"]["omnibus_p"])
    assert (table["design_effect"] == 1).all()
    assert "(missing)" not in table.index.get_level_values("group")


def test_photos_of_one_person_count_as_one() -> None:
    _, alone = answers(120, seed=2)
    four = alone.loc[alone.index.repeat(4)].reset_index(drop=True)
    together = table_of(four)
    assert together["design_effect"].to_numpy() == pytest.approx(4, rel=0.25)
    expected = table_of(alone)["omnibus_p"].to_numpy()
    np.testing.assert_allclose(together["omnibus_p"], expected, atol=0.1)
    known = four["tone"] == "dark"
    bit_strings = four["outcome_bits"][known].str
    change = (bit_strings[2].astype(int) - bit_strings[0].astype(int)).to_numpy(dtype=float)[:, None]
    effect = change_design_effect(
        change, np.ones_like(change, dtype=bool), np.ones(known.sum()), four["cluster"][known]
    )
    row = together.loc["tone", "dark", "argmax", "with_child", "plain"]
    assert row["design_effect"] == pytest.approx(effect[0])


def test_a_design_effect_by_hand() -> None:
    # Two clusters of two that change alike, two that do not change: mean 1/2, influences +-1/8 in pairs.
    change = np.array([[1.0], [1.0], [0.0], [0.0], [1.0], [1.0], [0.0], [0.0]])
    clusters = np.repeat(np.arange(4), 2)
    effect = change_design_effect(change, np.ones_like(change, dtype=bool), np.ones(8), clusters)
    # Independent: 8 x (1/16)^2; by cluster 4 x (1/8)^2 x 4/3, and Student's factor with 3 degrees.
    assert effect[0] == pytest.approx(2 * 4 / 3 * (3.182446 / 1.959964) ** 2, rel=1e-6)
    nothing = change_design_effect(0 * change, np.ones_like(change, dtype=bool), np.ones(8), clusters)
    assert nothing[0] == 2  # a cluster counts as one image


def test_paired_changes_carry_both() -> None:
    _, outcomes = answers(150, seed=3)
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"]))
    with_tests = paired_table(context_of(manifest, pairs=pairs_of(outcomes), outcomes=outcomes))
    without = paired_table(context_of(manifest, pairs=pairs_of(outcomes)))
    assert without[["omnibus_p", "design_effect"]].isna().all(axis=None)
    same = ["n", "both", "change", "low", "high", "p", "p_adjusted"]
    pd.testing.assert_frame_equal(with_tests[same], without[same])
    two = with_tests[with_tests["rule"] == "probability"]
    assert two["omnibus_p"].tolist() == two["p"].tolist()
    three = with_tests[with_tests["rule"] == "argmax"].groupby(["by", "group"])["omnibus_p"]
    assert (three.min() == three.max()).all()


def test_ways_without_any_change_are_alike() -> None:
    _, outcomes = answers(80, seed=4, change=0.0)
    table = table_of(outcomes)
    assert (table["omnibus_p"].dropna() == 1).all()


def test_one_way_has_nothing_to_be_compared_with() -> None:
    _, outcomes = answers(20, seed=5)
    alone = outcomes.assign(outcome_bits=outcomes["outcome_bits"].str[:1])
    assert not len(change_test_table(alone, probe_of(SPECIFICATIONS[:1], by=["tone"]), seed=0))


def test_spread_is_tested_by_permutation_where_counts_are_small() -> None:
    _, outcomes = answers(60, seed=6)
    outcomes = outcomes[outcomes["tone"] != "(missing)"].reset_index(drop=True)
    outcomes.loc[:3, "tone"] = "medium"
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"]))
    row = variation_table(
        TableContext.of(counts_of(outcomes, SPECIFICATIONS, by=["tone"]), manifest, ["tone"])
    ).iloc[0]
    x = outcomes["outcome_bits"].str[0].eq("1").groupby(outcomes["tone"]).agg(["sum", "size"])
    exact = permutation_homogeneity_p(x["sum"], x["size"], replicates=20_000)
    assert row["p"] == pytest.approx(float(exact), abs=0.05)
