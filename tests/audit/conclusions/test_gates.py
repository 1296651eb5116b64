from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.gates import GATE_COLUMNS, gate_table, overall_verdict
from audit.statistics.proportion.exact_intervals import exact_difference, exact_ratio
from audit.statistics.proportion.intervals import clopper_pearson
from audit.tables.context import TableContext
from audit.tables.rates import accuracy_table, gap_table, rate_table
from clipmodel.errors import UserError
from tests.audit.support.naive_counts import ATTRIBUTES, manifest_of, naive_counts, probe_entry


def gate(**changes: object) -> dict[str, object]:
    return {
        "name": "tones", "probe": "work", "outcome": "misclassified", "groups": ["skin_tone"],
        "margin": 0.1, "metric": "difference",
    } | changes  # fmt: skip


def gaps_of(errors: dict[str, tuple[int, int]], **probe: object) -> pd.DataFrame:
    """Gaps of judges taken for cooks: for each tone, so many of so many."""
    tones = [tone for tone, (_, n) in errors.items() for _ in range(n)]
    predicted = [name for x, n in errors.values() for name in ["cook"] * x + ["judge"] * (n - x)]
    images = pd.DataFrame({"skin_tone": tones, "gender": "man", "truth": "judge", "prediction": predicted})
    return gap_table(TableContext.of(naive_counts(images), manifest_of(probe_entry(**probe)), ATTRIBUTES))


LEVEL = {"light": (100, 1000), "medium": (100, 1000), "dark": (100, 1000)}
WORSE = LEVEL | {"dark": (300, 1000)}


def test_by_hand_with_three_contrasts() -> None:
    row = gate_table(gaps_of(WORSE), [gate()]).iloc[0]
    # dark 300/1000 against the rest 200/2000, at 1 - 0.05/3.
    low, high = exact_difference(300, 1000, 200, 2000, confidence=1 - 0.05 / 3)
    assert (row["verdict"], row["group"], row["reference"], row["contrasts"]) == (
        "FAIL",
        "dark",
        "the rest",
        3,
    )
    assert (row["low"], row["high"]) == pytest.approx((float(low), float(high)))
    assert row["low"] > 0.1
    assert row["sentence"].startswith(
        "Not every difference lies within ±10 percentage points; most extreme contrast: dark"
    )


@pytest.mark.parametrize(
    ("errors", "margin", "verdict"),
    [
        (LEVEL, 0.1, "PASS"),
        (WORSE, 0.1, "FAIL"),
        (WORSE, 0.2, "INCONCLUSIVE"),  # the difference itself is 0.2: its interval straddles the margin
        (WORSE, 0.3, "PASS"),
        ({"light": (300, 1000), "medium": (300, 1000), "dark": (100, 1000)}, 0.1, "FAIL"),
        ({"light": (1, 10), "medium": (1, 10), "dark": (1, 10)}, 0.1, "INCONCLUSIVE"),
        (LEVEL | {"dark": (0, 2)}, 0.1, "INCONCLUSIVE"),  # too few images to judge
        (WORSE | {"medium": (0, 2)}, 0.1, "FAIL"),
    ],
)
def test_the_three_verdicts(errors: dict[str, tuple[int, int]], margin: float, verdict: str) -> None:
    gates = gate_table(gaps_of(errors), [gate(margin=margin)])
    assert gates["verdict"].tolist() == [verdict]
    assert overall_verdict(gates) == verdict


def test_the_sentence_counts_what_could_not_be_judged() -> None:
    row = gate_table(gaps_of(LEVEL | {"dark": (0, 2)}), [gate()]).iloc[0]
    assert row["sentence"].endswith("1 have too few images or clusters to judge.")


def test_two_groups_are_one_contrast() -> None:
    row = gate_table(gaps_of({"light": (100, 1000), "dark": (300, 1000)}), [gate()]).iloc[0]
    assert (row["contrasts"], row["verdict"], row["confidence"]) == (1, "FAIL", pytest.approx(0.95))


@pytest.mark.parametrize("groups", [["gender"], ["skin_tone", "gender", "age"]])
def test_a_gate_without_a_contrast_is_inconclusive(groups: list[str]) -> None:
    row = gate_table(gaps_of(WORSE), [gate(groups=groups)]).iloc[0]
    assert row["verdict"] == "INCONCLUSIVE"
    assert row["sentence"].startswith("No contrast could be judged")
    assert np.isnan(row["value"])


def test_one_failing_gate_decides_and_none_is_no_gate() -> None:
    gaps = gaps_of(WORSE)
    gates = gate_table(gaps, [gate(name="a", margin=0.3), gate(name="b", margin=0.2), gate(name="c")])
    assert gates["verdict"].tolist() == ["PASS", "INCONCLUSIVE", "FAIL"]
    assert overall_verdict(gates) == "FAIL"
    assert overall_verdict(gates.iloc[:2]) == "INCONCLUSIVE"
    none = gate_table(gaps, [])
    assert tuple(none.columns) == GATE_COLUMNS
    assert overall_verdict(none) == "NO GATE"


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UserError, match="unknown metric 'odds'"):
        gate_table(gaps_of(WORSE), [gate(metric="odds")])


def tables_of(errors: dict[str, tuple[int, int]]) -> dict[str, pd.DataFrame]:
    """Gaps, rates and accuracies of judges taken for cooks."""
    tones = [tone for tone, (_, n) in errors.items() for _ in range(n)]
    predicted = [name for x, n in errors.values() for name in ["cook"] * x + ["judge"] * (n - x)]
    images = pd.DataFrame({"skin_tone": tones, "gender": "man", "truth": "judge", "prediction": predicted})
    counts, manifest = naive_counts(images), manifest_of(probe_entry())
    return {
        "gaps": gap_table(TableContext.of(counts, manifest, ATTRIBUTES)),
        "rates": rate_table(TableContext.of(counts, manifest, ATTRIBUTES)),
        "accuracy": accuracy_table(TableContext.of(counts, manifest, ATTRIBUTES)),
    }


def judged(errors: dict[str, tuple[int, int]], **changes: object) -> pd.Series:
    tables = tables_of(errors)
    return gate_table(tables.pop("gaps"), [gate(**changes)], **tables).iloc[0]


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({"light": (2000, 4000), "dark": (2000, 4000)}, "PASS"),
        ({"light": (3000, 4000), "dark": (1500, 4000)}, "FAIL"),
        ({"light": (1200, 4000), "dark": (960, 4000)}, "INCONCLUSIVE"),  # 0.8 itself
        ({"light": (0, 4000), "dark": (0, 4000)}, "INCONCLUSIVE"),  # no event: no ratio is known
    ],
)
def test_the_four_fifths_as_a_gate(errors: dict[str, tuple[int, int]], verdict: str) -> None:
    row = judged(errors, metric="ratio", margin=0.8)
    assert row["verdict"] == verdict
    assert "within 0.8 to 1.25" in row["sentence"]


def test_a_ratio_has_the_exact_interval_behind_it() -> None:
    row = judged({"light": (3000, 4000), "dark": (1500, 4000)}, metric="ratio", margin=0.8)
    low, high = exact_ratio(3000, 4000, 1500, 4000)
    assert (row["value"], row["low"], row["high"]) == pytest.approx((2, float(low), float(high)))


def test_an_infinite_limit_is_nan_and_decides_nothing() -> None:
    row = judged({"light": (0, 4000), "dark": (5, 4000)}, metric="ratio", margin=0.8)
    assert row["verdict"] == "INCONCLUSIVE"
    assert np.isnan(row["high"])


def test_accuracy_is_a_floor_over_all_images_or_for_the_worst_group() -> None:
    errors = {"light": (100, 1000), "dark": (300, 1000)}
    overall = judged(errors, metric="accuracy", outcome="", groups=[], margin=0.75)
    assert (overall["verdict"], overall["group"], overall["contrasts"]) == ("PASS", "all images", 1)
    # A PASS is two one-sided tests at 5 %: the 90 % interval, whatever the number of groups.
    low, high = clopper_pearson(1600, 2000, confidence=0.9)
    assert (overall["low"], overall["high"]) == pytest.approx((float(low), float(high)))
    worst = judged(errors, metric="accuracy", outcome="", margin=0.75)
    assert (worst["verdict"], worst["group"], worst["contrasts"]) == ("FAIL", "dark", 2)
    assert worst["low"] == pytest.approx(float(clopper_pearson(700, 1000, confidence=0.975)[0]))
    assert worst["sentence"].startswith("Not every accuracy lies at or above 75")


def test_a_rate_is_a_ceiling() -> None:
    errors = {"light": (100, 1000), "dark": (300, 1000)}
    assert judged(errors, metric="rate", margin=0.35)["verdict"] == "PASS"
    assert judged(errors, metric="rate", margin=0.2)["verdict"] == "FAIL"
    assert judged(errors, metric="rate", margin=0.31)["verdict"] == "INCONCLUSIVE"
    assert judged(errors | {"dark": (0, 2)}, metric="rate", margin=0.35)["verdict"] == "INCONCLUSIVE"


def test_a_gate_can_name_its_ways_of_asking() -> None:
    tables = [tables_of(errors)["gaps"].assign(design=d) for d, errors in (("a", LEVEL), ("b", WORSE))]
    gaps = pd.concat(tables, ignore_index=True)
    gates = [gate(), gate(designs=["a"]), gate(designs=["b"]), gate(templates=["photo"])]
    table = gate_table(gaps, gates)
    assert table["verdict"].tolist() == ["FAIL", "PASS", "FAIL", "INCONCLUSIVE"]
    assert table["contrasts"].tolist() == [6, 3, 3, 0]


def test_a_gate_seldom_fails_without_disparity() -> None:
    rng = np.random.default_rng(9)
    n1, n2, audits, contrasts = 60, 420, 100, 8
    x1, x2 = (rng.binomial(n, 0.3, audits * contrasts) for n in (n1, n2))
    rows = pd.DataFrame({"n_group": n1, "n_reference": n2, "count_group": x1, "count_reference": x2})
    rows = rows.assign(rate_group=x1 / n1, rate_reference=x2 / n2)
    rows["difference"] = rows["rate_group"] - rows["rate_reference"]
    rows["group"] = [f"g{i}" for i in range(contrasts)] * audits
    constants = {"probe": "work", "outcome": "misclassified", "by": "skin_tone", "reference": "the rest"}
    constants |= {"design": "default", "template": "plain", "rule": "argmax", "threshold": np.nan}
    constants |= dict.fromkeys(("design_effect_group", "design_effect_reference"), 1.0)
    constants |= dict.fromkeys(("df_group", "df_reference"), np.nan) | {"correlation": 0.0}
    constants |= {"clusters_group": n1, "clusters_reference": n2}
    gaps = rows.assign(**constants)
    verdicts = [
        gate_table(gaps.iloc[start : start + contrasts], [gate(margin=0.0)])["verdict"].item()
        for start in range(0, len(gaps), contrasts)
    ]
    # Even at a margin of 0, where FAIL is a test of any difference.
    assert verdicts.count("FAIL") / audits <= 0.05
    assert verdicts.count("PASS") == 0
