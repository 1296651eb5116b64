from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.error_control import CONTROL_COLUMNS, distinct_contrasts, with_error_control
from audit.statistics.multiplicity import holm, weighted_holm
from audit.tables.context import TableContext
from audit.tables.rates import gap_table
from probes.records import EVENT_COLUMNS, KEYS
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, manifest_of, naive_counts, probe_entry

OUTCOME = {"name": "harm", "kind": "set", "sets": ["harm"]}


def audited(context: TableContext) -> pd.DataFrame:
    return with_error_control(context, gap_table(context))


def simulated(
    count: np.ndarray, n: np.ndarray, *, designs: int = 1, references: dict[str, str] | None = None
) -> TableContext:
    """Counts [probes, groups] of the outcome harm; the same ones in every design."""
    probes, groups = count.shape
    index = pd.MultiIndex.from_product(
        [range(designs), range(probes), range(groups)], names=["design", "probe", "tone"]
    )
    table = index.to_frame(index=False).astype("str")
    keys = {"template": "plain", "rule": "argmax", "threshold": np.nan}
    cells = {"n": np.tile(n.ravel(), designs), "count": np.tile(count.ravel(), designs)}
    table = table.assign(**keys, truth="(none)", event_kind="set", event="harm", **cells)
    manifest = manifest_of(
        *({"name": str(i), "groups": [["tone"]], "outcomes": [OUTCOME], "references": references or {}}
          for i in range(probes))
    )  # fmt: skip
    return TableContext.of(table[[*KEYS, "tone", *EVENT_COLUMNS]], manifest, ["tone"])


def test_a_named_reference_in_one_specification_is_holm_over_all_gaps() -> None:
    rng = np.random.default_rng(1)
    n = np.full((3, 5), 200)
    gaps = audited(simulated(rng.binomial(n, 0.3), n, references={"tone": "0"}))
    assert len(gaps) == 12
    np.testing.assert_allclose(gaps["p_adjusted"], holm(gaps["p"]))
    assert list(gaps.columns)[-4:] == [*CONTROL_COLUMNS, "note"]


def test_specifications_share_the_level_of_their_gap() -> None:
    n = np.full((1, 3), 200)
    count = np.array([[40, 44, 110]])
    one, four = (audited(simulated(count, n, designs=d, references={"tone": "0"})) for d in (1, 4))
    own = one[one["group"] == "2"].iloc[0]
    assert own["p_adjusted"] == pytest.approx(2 * own["p"])
    # Four equal ways: the first of them has an eighth of the level.
    assert four.loc[four["group"] == "2", "p_adjusted"].iloc[0] == pytest.approx(8 * own["p"])
    assert (four["smallest_detectable"] > one["smallest_detectable"].max()).all()


def test_mirrored_contrasts_are_one_test() -> None:
    n = np.full((2, 2), 300)
    gaps = audited(simulated(np.array([[60, 95], [70, 71]]), n))
    first = gaps[gaps["probe"] == "0"]
    assert first["p_adjusted"].iloc[0] == first["p_adjusted"].iloc[1]
    # Two contrasts in the audit, not four.
    assert first["p_adjusted"].iloc[0] == pytest.approx(2 * first["p"].iloc[0])


def test_the_best_group_is_paid_for_by_all_pairs() -> None:
    n = np.full((1, 4), 300)
    gaps = audited(simulated(np.array([[60, 95, 70, 71]]), n, references={"tone": "(best)"}))
    worst = gaps[gaps["group"] == "1"].iloc[0]
    assert worst["p_adjusted"] == pytest.approx(6 * worst["p"])


def test_a_group_that_differs_only_from_another_different_one_is_driven_by_it() -> None:
    n = np.full((1, 5), 2000)
    gaps = audited(simulated(np.array([[400, 400, 400, 404, 1200]]), n)).set_index("group")
    assert gaps.loc["4", "p_adjusted"] < 1e-10
    assert gaps.loc["4", "driven_by"] == ""
    for group in "0123":
        assert gaps.loc[group, "p"] < 1e-6
        assert gaps.loc[group, "p_adjusted"] > 0.5
        assert gaps.loc[group, "driven_by"] == "4"


def test_two_different_groups_are_both_named() -> None:
    n = np.full((1, 5), 2000)
    gaps = audited(simulated(np.array([[400, 400, 400, 800, 1200]]), n)).set_index("group")
    assert set(gaps.index[gaps["p_adjusted"] < 0.05]) == {"3", "4"}
    assert set(gaps.loc[["0", "1", "2"], "driven_by"]) == {"4, 3"}


def test_distinct_contrasts_keeps_nan_rows_and_groups_against_the_rest() -> None:
    family = dict.fromkeys((*KEYS, "outcome", "by"), "x")
    rows = [("a", "b", -0.1), ("b", "a", 0.1), ("c", "the rest", np.nan), ("d", "the rest", 0.0)]
    gaps = pd.DataFrame([family | {"group": g, "reference": r, "difference": d} for g, r, d in rows])
    assert distinct_contrasts(gaps).tolist() == [False, True, True, True]


def test_weighted_holm_by_hand() -> None:
    # p / w: .02/.5 = .04, .01/.2 = .05, .03/.3 = .1. Steps: .04 x 1, .05 x .5 -> .04, .1 x .3 -> .04.
    found = weighted_holm([0.02, 0.01, 0.03, np.nan], [0.5, 0.2, 0.3, 0.1])
    np.testing.assert_allclose(found[:3], [0.04, 0.04, 0.04])
    assert np.isnan(found[3])
    np.testing.assert_allclose(weighted_holm([0.01, 0.04, 0.03], [1, 1, 1]), holm([0.01, 0.04, 0.03]))
    # Hypotheses that are not in the table keep their share.
    assert weighted_holm([0.01], [1.0], unseen=4.0)[0] == pytest.approx(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("true_gaps", [0, 5])
def test_equal_groups_are_seldom_named_whatever_else_is_true(true_gaps: int) -> None:
    """One group 25 points worse in some of five probes, against a named reference, and against the rest."""
    rng = np.random.default_rng(true_gaps)
    audits, n = 40, np.tile([500, 300, 200, 60, 40], (5, 1))
    rates = np.full(n.shape, 0.2)
    rates[:true_gaps, 2] += 0.25
    for references in ({"tone": "0"}, {}):
        wrong = missed = 0
        for _ in range(audits):
            gaps = audited(simulated(rng.binomial(n, rates), n, references=references))
            found = gaps[gaps["p_adjusted"] < 0.05]
            equal = (found["group"] != "2") | (found["probe"].astype(int) >= true_gaps)
            wrong += bool(equal.any())
            missed += true_gaps - int((~equal).sum())
        # .05 and three standard errors of so few audits.
        assert wrong / audits <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits), references
        assert missed == 0


def test_an_audit_of_images_needs_no_clusters() -> None:
    images = draw_images(700, seed=3, extra={"dark": 0.12})
    context = TableContext.of(naive_counts(images), manifest_of(probe_entry()), ATTRIBUTES)
    gaps = audited(context)
    assert (gaps["p_adjusted"].dropna() >= gaps["p"].dropna()).all()
    assert gaps["smallest_detectable"].notna().equals(gaps["p"].notna())
