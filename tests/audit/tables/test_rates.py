from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, count
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from audit.statistics.proportion.intervals import adjusted_wilson, katz, koopman, newcombe
from audit.statistics.proportion.tests_of_proportions import two_sided_p
from audit.statistics.variation.shrinkage import shrunken_rates
from audit.tables.context import TableContext
from audit.tables.groups.reference_groups import THE_REST
from audit.tables.rates import accuracy_table, gap_table, rate_table
from probes.records import MISSING, empty_counts
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
    with_holes,
)

Interval = tuple[np.ndarray, np.ndarray]

IMAGES = draw_images(600, seed=7, extra={"dark": 0.3})
HOLES = with_holes(IMAGES)


def rates_of(images: pd.DataFrame, **probe: object) -> pd.DataFrame:
    return rate_table(TableContext.of(naive_counts(images), manifest_of(probe_entry(**probe)), ATTRIBUTES))


def gaps_of(images: pd.DataFrame, **probe: object) -> pd.DataFrame:
    gaps = gap_table(TableContext.of(naive_counts(images), manifest_of(probe_entry(**probe)), ATTRIBUTES))
    return gaps[gaps["outcome"] == "misclassified"].set_index("group")


def numbers(interval: Interval) -> tuple[float, float]:
    return float(interval[0]), float(interval[1])


def handful(errors: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Images of judges: for each tone, so many taken for cooks of so many."""
    tones = [tone for tone, (_, n) in errors.items() for _ in range(n)]
    predicted = [name for x, n in errors.values() for name in ["cook"] * x + ["judge"] * (n - x)]
    return pd.DataFrame({"skin_tone": tones, "gender": "man", "truth": "judge", "prediction": predicted})


@pytest.mark.parametrize("by", [["skin_tone"], ["gender"], ["skin_tone", "gender"]])
@pytest.mark.parametrize("images", [IMAGES, HOLES], ids=["complete", "holes"])
def test_rates_and_accuracy_equal_fairlearn(images: pd.DataFrame, by: list[str]) -> None:
    complete = images.dropna(subset=by)
    complete = complete[complete["truth"] != MISSING]
    theirs = MetricFrame(
        metrics={"accuracy": accuracy_score, "n": count, "balanced": balanced_accuracy_score},
        y_true=complete["truth"],
        y_pred=complete["prediction"],
        sensitive_features=complete[by],
    ).by_group
    rates = rates_of(images)
    rates = rates[rates["outcome"] == "misclassified"]
    accuracy = accuracy_table(TableContext.of(naive_counts(images), manifest_of(probe_entry()), ATTRIBUTES))
    for table, expected in ((rates, 1 - theirs["accuracy"]), (accuracy, theirs["accuracy"])):
        others = [name for name in ATTRIBUTES if name not in by]
        rows = table[(table[by] != "(all)").all(axis=1) & (table[others] == "(all)").all(axis=1)].set_index(
            by
        )
        observed = rows[rows["n"] > 0].sort_index()
        expected = expected.dropna().sort_index()
        np.testing.assert_allclose(observed["rate"], expected.reindex(observed.index), rtol=0, atol=1e-12)
        assert observed["n"].tolist() == theirs["n"].dropna().reindex(observed.index).tolist()
    np.testing.assert_allclose(observed["balanced"], theirs["balanced"].reindex(observed.index), atol=1e-12)


def test_a_rate_is_of_the_group_not_of_the_event() -> None:
    # 2 of 4 light and 6 of 24 dark images: P(event | dark) = 1/4, while P(dark | event) = 3/4.
    rates = rates_of(handful({"light": (2, 4), "dark": (6, 24)}))
    rates = rates[(rates["outcome"] == "misclassified") & (rates["gender"] == "(all)")].set_index("skin_tone")
    assert rates["rate"].to_dict() == {"(all)": 8 / 28, "light": 0.5, "dark": 0.25}
    assert tuple(rates.loc["dark", ["low", "high"]]) == pytest.approx(numbers(adjusted_wilson(6, 24)))


def test_small_and_empty_groups_have_nan_and_a_reason() -> None:
    crossed = HOLES.groupby(["skin_tone", "gender"]).size()
    least = int(crossed.median()) + 1
    rates = rates_of(HOLES, min_group=least)
    split = (rates[list(ATTRIBUTES)] != "(all)").all(axis=1)
    rows = rates[split & (rates["outcome"] == "harm")].set_index(list(ATTRIBUTES))
    assert rows.loc[("medium", "man"), "note"] == "no images"
    small = rows["n"] < least
    assert set(rows.loc[small & (rows["n"] > 0), "note"]) == {f"fewer than {least} images"}
    assert rows.loc[small, ["rate", "low", "high"]].isna().all(axis=None)
    assert rows.loc[~small, ["rate", "low", "high"]].notna().all(axis=None)
    assert 2 <= small.sum() <= 5


def test_balanced_accuracy_is_nan_where_a_class_has_no_image_in_the_group() -> None:
    # dark: 9 of 10 judges and 2 of 4 cooks are right, (0.9 + 0.5)/2; light: no cook at all.
    judges = handful({"light": (1, 5), "dark": (1, 10)})
    cooks = pd.DataFrame(
        {"skin_tone": "dark", "gender": "man", "truth": "cook", "prediction": ["judge", "cook"] * 2}
    )
    counts = naive_counts(pd.concat([judges, cooks], ignore_index=True))
    accuracy = accuracy_table(
        TableContext.of(counts, manifest_of(probe_entry(groups=[["skin_tone"]])), ATTRIBUTES)
    )
    balanced = accuracy.set_index("skin_tone")["balanced"]
    assert balanced["dark"] == pytest.approx(0.7)
    assert np.isnan(balanced["light"])
    # All: 13 of 15 judges, 2 of 4 cooks.
    assert balanced["(all)"] == pytest.approx((13 / 15 + 0.5) / 2)


def test_gaps_against_the_rest_by_the_bare_functions() -> None:
    gaps = gaps_of(IMAGES)
    wrong = IMAGES["prediction"] != IMAGES["truth"]
    tones = IMAGES["skin_tone"]
    for tone in ("light", "medium", "dark"):
        own = tones == tone
        row = gaps.loc[tone]
        cells = wrong[own].sum(), own.sum(), wrong[~own].sum(), (~own).sum()
        assert (row["reference"], row["by"], row["skin_tone"], row["gender"]) == (
            THE_REST, "skin_tone", tone, "(all)",
        )  # fmt: skip
        assert (row["n_group"], row["n_reference"]) == (cells[1], cells[3])
        assert row["difference"] == pytest.approx(cells[0] / cells[1] - cells[2] / cells[3])
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(numbers(newcombe(*cells)))
        assert (row["ratio_low"], row["ratio_high"]) == pytest.approx(numbers(katz(*cells)))
        assert row["p"] == pytest.approx(float(two_sided_p(*cells)))


def test_a_named_reference_is_compared_with_and_has_no_row() -> None:
    gaps = gaps_of(IMAGES, references={"skin_tone": "light", "gender": "man"})
    by_tone = gaps[gaps["by"] == "skin_tone"]
    assert set(by_tone.index) == {"medium", "dark"}
    assert set(by_tone["reference"]) == {"light"}
    crossed = gaps[gaps["by"] == "skin_tone x gender"]
    assert set(crossed["reference"]) == {"light x man"}
    assert len(crossed) == 5
    wrong = IMAGES["prediction"] != IMAGES["truth"]
    light = IMAGES["skin_tone"] == "light"
    assert by_tone.loc["dark", "rate_reference"] == pytest.approx(wrong[light].mean())
    assert by_tone.loc["dark", "n_reference"] == light.sum()


def test_a_reference_for_one_of_two_crossed_attributes_leaves_the_rest() -> None:
    gaps = gaps_of(IMAGES, references={"skin_tone": "light"})
    assert set(gaps.loc[gaps["by"] == "skin_tone x gender", "reference"]) == {THE_REST}


def test_two_groups_are_each_others_rest() -> None:
    gaps = gaps_of(IMAGES)
    by_gender = gaps[gaps["by"] == "gender"]
    assert by_gender["reference"].to_dict() == {"woman": "man", "man": "woman"}
    assert by_gender.loc["woman", "p"] == by_gender.loc["man", "p"]
    assert by_gender["difference"].sum() == pytest.approx(0)


def test_zero_cells_have_koopmans_interval_and_a_note() -> None:
    gaps = gaps_of(handful({"light": (0, 30), "dark": (9, 30), "medium": (0, 2)}))
    light, dark, medium = (gaps[gaps["by"] == "skin_tone"].loc[tone] for tone in ("light", "dark", "medium"))
    assert (light["ratio_low"], light["ratio_high"]) == pytest.approx(numbers(koopman(0, 30, 9, 32)))
    assert light["note"] == "ratio interval by Koopman's score: a cell is zero"
    assert np.isnan(dark["ratio"])
    assert np.isnan(dark["ratio_high"])
    assert dark["ratio_low"] == pytest.approx(float(koopman(9, 30, 0, 32)[0]))
    assert dark["note"] == "no event in the reference: the ratio has no upper limit"
    assert medium["note"] == "fewer than 3 images"
    assert np.isnan(medium[["difference", "difference_low", "ratio", "p"]].astype(float)).all()


def test_groups_without_any_event_have_a_difference_with_width_and_no_ratio() -> None:
    gaps = gaps_of(handful({"light": (0, 30), "dark": (0, 40)}))
    row = gaps.loc["dark"].iloc[0] if isinstance(gaps.loc["dark"], pd.DataFrame) else gaps.loc["dark"]
    assert row["difference"] == 0
    assert row["difference_low"] < 0 < row["difference_high"]
    assert np.isnan(row[["ratio", "ratio_low", "ratio_high"]].astype(float)).all()
    assert row["p"] == 1
    assert row["note"] == "no event in either group: no ratio"


def test_an_intersection_without_images_is_a_row_of_the_gaps() -> None:
    row = gaps_of(HOLES).loc["medium x man"]
    assert (row["n_group"], row["note"]) == (0, "no images")
    assert np.isnan(row["p"])


def test_no_rows_in_no_rows_out() -> None:
    empty, manifest = empty_counts(ATTRIBUTES), manifest_of(probe_entry())
    for table in (
        rate_table(TableContext.of(empty, manifest, ATTRIBUTES)),
        gap_table(TableContext.of(empty, manifest, ATTRIBUTES)),
    ):
        assert len(table) == 0
        assert table["threshold"].dtype == "float64"
        assert {"outcome", *ATTRIBUTES, "note"} <= set(table.columns)


def test_shrunken_rates_stand_beside_the_raw_ones() -> None:
    rates = rate_table(TableContext.of(naive_counts(IMAGES), manifest_of(probe_entry()), ATTRIBUTES))
    rows = rates[(rates["outcome"] == "misclassified") & (rates["gender"] == "(all)")].set_index("skin_tone")
    tones = rows.drop("(all)")
    np.testing.assert_allclose(tones["shrunk"], shrunken_rates(tones["count"], tones["n"]))
    assert np.isnan(rows.loc["(all)", "shrunk"])
