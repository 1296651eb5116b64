from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from audit.comparison.compare import compare, regression_verdict
from audit.report.sections.changes import widest_changes
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired
from audit.tables.paired_changes import change_table, joint_by_group, paired_table
from clipmodel.errors import UserError
from tests.audit.support.compared_audits import SPECIFICATIONS, audit_of, drawn
from tests.audit.support.naive_counts import context_of, manifest_of
from tests.audit.support.outcome_rows import probe_of


def test_by_hand() -> None:
    first = audit_of(
        ["1-", "1-", "0-", "0-", "0-"],
        ["dark", "dark", "dark", "dark", "light"],
        specifications=SPECIFICATIONS,
    )
    second = audit_of(
        ["1-", "0-", "1-", "1-", "0-"],
        ["dark", "dark", "dark", "dark", "light"],
        specifications=SPECIFICATIONS,
    )
    changes = compare(first, second).changes.set_index(["by", "group"])
    dark = changes.loc["tone", "dark"]
    assert dark[["n", "both", "only_first", "only_second", "neither"]].tolist() == [4, 1, 1, 2, 0]
    assert (dark["rate_first"], dark["rate_second"], dark["change"]) == (0.5, 0.75, 0.25)
    low, high = newcombe_paired(1, 1, 2, 0)
    assert (dark["low"], dark["high"]) == pytest.approx((-float(high), -float(low)))
    assert dark["p"] == mcnemar_p(1, 2) == 1.0
    everybody = changes.loc["", "all images"]
    assert everybody["n"] == 5
    # One light image is too few for a rate.
    assert np.isnan(changes.loc["tone", "light"]["change"])
    assert changes.loc["tone", "light"]["note"] == "fewer than 3 images"


def test_a_regression_in_one_group_is_found_and_the_gate_decides() -> None:
    first, second = drawn(2000, seed=1, worse=0.2)
    comparison = compare(first, second, margin=0.05)
    dark = comparison.changes[comparison.changes["group"] == "dark"]
    assert (dark["change"] > 0.1).all()
    assert (dark["p_adjusted"] < 0.001).all()
    assert comparison.verdict == "FAIL"
    assert "A rate rose by more than 5 percentage points; largest: Work, harm, dark, +" in comparison.sentence
    assert compare(first, second, margin=0.5).verdict == "PASS"
    change = dark["change"].max()
    assert compare(first, second, margin=float(change)).verdict == "INCONCLUSIVE"
    assert compare(first, second).verdict == "NO GATE"


def test_exact_intervals_stand_behind_the_gate_on_regressions() -> None:
    first, second = drawn(40, seed=1)
    changes = compare(first, second).changes.iloc[:1]
    # A rise of 0 in truth, 8 of 100 images changing either way: a margin of 0 must seldom fail.
    drawn_changes = np.random.default_rng(10).multinomial(100, [0.08, 0.08, 0.84], size=400)
    failed = 0
    for fell, rose, neither in drawn_changes:
        row = changes.assign(n=100, both=0, only_first=fell, only_second=rose, neither=neither)
        row["change"] = (rose - fell) / 100
        failed += regression_verdict(row, 0.0, first.manifest)[0] == "FAIL"
    assert failed / 400 <= 0.025


def test_an_improvement_is_no_regression() -> None:
    first, second = drawn(2000, seed=1, worse=0.2)
    assert compare(second, first, margin=0.02).verdict == "PASS"


def test_the_paired_interval_is_narrower_than_two_independent_ones() -> None:
    first, second = drawn(2000, seed=2)
    change = compare(first, second).changes.iloc[0]
    rate = first.rates.iloc[0]
    assert change["high"] - change["low"] < 0.6 * (rate["high"] - rate["low"])


def test_p_is_adjusted_over_the_groups_of_one_way_of_asking() -> None:
    changes = compare(*drawn(500, seed=3, worse=0.05)).changes
    for _, family in changes.groupby(["design", "by"]):
        np.testing.assert_allclose(family["p_adjusted"], holm(family["p"]))


def test_one_audit_with_two_designs() -> None:
    first, _ = drawn(300, seed=4)
    comparison = compare(first, first, designs=("default", "with_child"))
    assert set(comparison.changes["design"]) == {"default"}
    bit_strings = first.outcomes["outcome_bits"]  # type: ignore[index]
    overall = comparison.changes.iloc[0]
    assert overall["only_first"] == (bit_strings == "10").sum()
    assert overall["only_second"] == (bit_strings == "01").sum()


def test_what_cannot_be_compared_is_a_user_error() -> None:
    first, second = drawn(50, seed=6)
    assert second.outcomes is not None
    with pytest.raises(UserError, match=r"no outcomes of single images"):
        compare(first, dataclasses.replace(second, outcomes=None))
    others = second.outcomes.assign(image=[f"x{i}" for i in range(50)])
    with pytest.raises(UserError, match="no image in common"):
        compare(first, dataclasses.replace(second, outcomes=others))
    with pytest.raises(UserError, match="no question in common"):
        compare(first, second, designs=("default", "with_kid"))


def test_pairs_of_designs_are_added_up_by_group() -> None:
    keys = {
        "probe": "work", "rule": "argmax", "threshold": np.nan, "outcome": "harm", "design": "default",
        "template": "plain", "other_design": "with_child", "other_template": "plain",
    }  # fmt: skip
    cells = [("dark", "woman", 3, 2, 1, 4), ("dark", "man", 1, 0, 5, 4), ("(missing)", "man", 1, 1, 1, 1)]
    names = ["tone", "gender", "both", "only_first", "only_second", "neither"]
    pairs = pd.DataFrame([keys | dict(zip(names, cell, strict=True)) for cell in cells])
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone", "gender"]))
    table = paired_table(context_of(manifest, pairs=pairs)).set_index(["by", "group"])
    assert table.loc["tone", "dark"][["both", "only_first", "only_second", "neither"]].tolist() == [
        4,
        2,
        6,
        8,
    ]
    assert table.loc["", "all images"]["n"] == 24
    assert table.loc["gender", "man"]["n"] == 14
    assert table.loc["tone", "dark"]["change"] == pytest.approx(4 / 20)
    assert not len(paired_table(context_of(manifest)))


def test_empty_groups_have_no_change() -> None:
    none = pd.DataFrame(
        {"both": [0], "only_first": [0], "only_second": [0], "neither": [0], "tone": ["dark"]}
    )
    row = change_table(joint_by_group(none, ["tone"]), keys=[], least=3).iloc[0]
    assert np.isnan(row[["change", "low", "high", "p"]].astype(float)).all()
    assert row["note"] == "no images"


def test_what_became_worse_comes_first_and_is_never_pushed_out() -> None:
    """Six wide improvements and one small rise: the rise is told first."""
    changes = drawn(200, seed=1)
    comparison = compare(changes[0], changes[1])
    row = comparison.changes.iloc[0].to_dict()
    rows = [{**row, "group": f"g{i}", "change": -0.5 + i / 100, "p_adjusted": 0.001} for i in range(9)]
    rows.append({**row, "group": "worse", "change": 0.05, "p_adjusted": 0.01})
    widest = widest_changes(dataclasses.replace(comparison, changes=pd.DataFrame(rows)))
    assert list(widest["group"]) == ["worse", "g0", "g1", "g2", "g3", "g4"]
