from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.error_control import with_error_control
from audit.statistics.proportion.intervals import newcombe
from audit.statistics.proportion.tests_of_proportions import two_sided_p
from audit.tables.context import TableContext
from audit.tables.gaps import contrast_estimates
from audit.tables.groups.reference_groups import BEST_NOTE, THE_OVERALL, THE_REST
from audit.tables.rates import gap_table
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    OUTCOMES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
)

IMAGES = draw_images(900, seed=11, extra={"dark": 0.25, "medium": 0.1})
WRONG = IMAGES["prediction"] != IMAGES["truth"]


def gaps_of(references: dict[str, str], images: pd.DataFrame = IMAGES) -> pd.DataFrame:
    manifest = manifest_of(probe_entry(references=references))
    gaps = gap_table(TableContext.of(naive_counts(images), manifest, ATTRIBUTES))
    return gaps[gaps["outcome"] == "misclassified"].set_index("group")


def cell(**values: str) -> tuple[int, int]:
    own = np.logical_and.reduce([IMAGES[name] == value for name, value in values.items()])
    return int(WRONG[own].sum()), int(own.sum())


def test_the_overall_rate_contains_the_group() -> None:
    gaps = gaps_of({"skin_tone": "(overall)"})
    row = gaps.loc["dark"]
    x, n = cell(skin_tone="dark")
    events, images = int(WRONG.sum()), len(IMAGES)
    share = n / images
    assert (row["reference"], row["n_reference"]) == (THE_OVERALL, images)
    assert row["rate_reference"] == pytest.approx(events / images)
    assert row["difference"] == pytest.approx(x / n - events / images)
    assert row["ratio"] == pytest.approx((x / n) / (events / images))
    low, high = newcombe(x, n, events - x, images - n)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        ((1 - share) * low, (1 - share) * high)
    )
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"] < 1 / share
    assert row["p"] == pytest.approx(float(two_sided_p(x, n, events - x, images - n)))
    # Crossed with gender, of which the suite says nothing, it is the rest.
    assert set(gaps[gaps["by"] == "skin_tone x gender"]["reference"]) == {THE_REST}


def test_an_interval_of_the_overall_rate_covers_as_that_of_the_rest() -> None:
    rng = np.random.default_rng(1)
    n1, n2 = 60, 340
    x1, x2 = rng.binomial(n1, 0.3, 4000), rng.binomial(n2, 0.2, 4000)
    rest = contrast_estimates(x1, np.full(4000, n1), x2, np.full(4000, n2))
    truth = 0.3 - (60 * 0.3 + 340 * 0.2) / 400
    covered = (0.85 * rest["difference_low"] <= truth) & (truth <= 0.85 * rest["difference_high"])
    assert 0.935 < covered.mean() < 0.965


def test_no_event_outside_the_group_bounds_the_ratio_to_all_by_its_share() -> None:
    images = pd.DataFrame(
        {"skin_tone": ["light"] * 30 + ["dark"] * 10 + ["medium"] * 20, "gender": "man", "truth": "judge",
         "prediction": ["judge"] * 30 + ["cook"] * 4 + ["judge"] * 26}
    )  # fmt: skip
    row = gaps_of({"skin_tone": "(overall)"}, images).loc["dark"]
    assert row["ratio"] == pytest.approx(6)
    assert row["ratio_high"] == pytest.approx(6)
    assert row["note"] == "no event outside the group"


def test_the_best_group_is_compared_over_all_pairs() -> None:
    gaps = gaps_of({"skin_tone": "(best)"})
    rows = gaps[gaps["by"] == "skin_tone"]
    rates = {tone: np.divide(*cell(skin_tone=tone)) for tone in ("light", "medium", "dark")}
    best = min(rates, key=rates.__getitem__)
    assert set(rows.index) == set(rates) - {best}
    assert set(rows["reference"]) == {best}
    for tone, row in rows.iterrows():
        assert row["p"] == pytest.approx(float(two_sided_p(*cell(skin_tone=tone), *cell(skin_tone=best))))
        interval = newcombe(*cell(skin_tone=tone), *cell(skin_tone=best), confidence=1 - 0.05 / 3)
        assert (row["difference_low"], row["difference_high"]) == pytest.approx([float(v) for v in interval])
        assert row["note"] == BEST_NOTE


@pytest.mark.parametrize(("references", "expected"), [
    ({"skin_tone": "(best)", "gender": "(best)"}, None),
    ({"skin_tone": "(overall)", "gender": "(overall)"}, THE_OVERALL),
    ({"skin_tone": "(rest)", "gender": "(rest)"}, THE_REST),
    ({"skin_tone": "light", "gender": "(best)"}, THE_REST),
    ({"skin_tone": "light", "gender": "man"}, "light x man"),
])  # fmt: skip
def test_crossed_attributes_need_to_agree(references: dict[str, str], expected: str | None) -> None:
    gaps = gaps_of(references)
    found = set(gaps[gaps["by"] == "skin_tone x gender"]["reference"])
    assert found == {expected} if expected else len(found) == 1


def test_the_best_of_equal_groups_is_no_finding() -> None:
    # Fourteen groups of one rate: best against worst by raw p is significant in most audits, by pairs in few.
    rng = np.random.default_rng(3)
    alarms = 0
    for seed in range(60):
        rates = pd.DataFrame({"skin_tone": rng.choice(list("abcdefghijklmn"), 1400), "gender": "man"})
        images = rates.assign(
            truth="judge",
            prediction=np.where(np.random.default_rng(seed).random(1400) < 0.2, "cook", "judge"),
        )
        counts = naive_counts(images)
        probe = probe_entry(references={"skin_tone": "(best)"}, groups=[["skin_tone"]], outcomes=OUTCOMES[:1])
        context = TableContext.of(counts, manifest_of(probe), ATTRIBUTES)
        gaps = with_error_control(context, gap_table(context))
        own = gaps[(gaps["by"] == "skin_tone") & (gaps["outcome"] == "misclassified")]
        alarms += bool((own["p_adjusted"] < 0.05).any())
    assert alarms <= 7


def test_a_missing_best_leaves_no_contrast() -> None:
    few = IMAGES.groupby("skin_tone").head(2)
    gaps = gaps_of({"skin_tone": "(best)"}, few)
    rows = gaps[gaps["by"] == "skin_tone"]
    assert rows[["difference", "p"]].isna().all(axis=None)
    assert set(rows["note"]) == {"fewer than 3 images"}
