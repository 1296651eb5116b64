"""Audits before and after, on the same 400 images: the gap of dark against light goes from .5 to .1."""

from __future__ import annotations

import numpy as np
import pytest

from audit.mitigation.mitigation_tables import (
    COST_COLUMNS,
    MITIGATION_COLUMNS,
    NARROWER,
    NOT_SHOWN,
    Answered,
    Pair,
    correctness,
    cost_frame,
    cost_row,
    gap_frame,
    gap_rows,
)
from audit.result import AuditResult
from audit.statistics.clusters.clustered_means import clustered_mean
from tests.audit.support.compared_audits import audit_of

TONES = ["dark"] * 200 + ["light"] * 200
BEFORE = ["1-"] * 140 + ["0-"] * 60 + ["1-"] * 40 + ["0-"] * 160
AFTER = ["1-"] * 60 + ["0-"] * 140 + ["1-"] * 40 + ["0-"] * 160


def answered(result: AuditResult) -> Answered:
    return Answered(manifest=result.manifest, outcomes=result.outcomes, gaps=result.gaps)


@pytest.fixture(scope="module")
def sides() -> tuple[Answered, Answered]:
    return answered(audit_of(BEFORE, TONES)), answered(audit_of(AFTER, TONES))


def test_a_gap_that_narrows_beyond_noise_is_said_to(sides: tuple[Answered, Answered]) -> None:
    rows = gap_rows("leace", Pair.of(*sides))
    assert tuple(rows.columns) == MITIGATION_COLUMNS and set(rows["effect"]) == {NARROWER}
    row = rows.iloc[0]
    assert abs(row["before"]) == pytest.approx(140 / 200 - 40 / 200)
    assert abs(row["after"]) == pytest.approx(60 / 200 - 40 / 200)
    assert (row["specifications"], row["narrower_in"], row["method"]) == (1, 1, "leace")


def test_no_change_is_not_shown(sides: tuple[Answered, Answered]) -> None:
    rows = gap_rows("none", Pair.of(sides[0], sides[0]))
    assert set(rows["effect"]) == {NOT_SHOWN} and (rows["change"] == 0).all()


def test_the_cost_has_paired_changes_with_their_clusters(sides: tuple[Answered, Answered]) -> None:
    gaps = gap_rows("leace", Pair.of(*sides))
    before, after = np.array([True] * 8 + [False] * 2), np.array([True] * 5 + [False] * 5)
    clusters = np.arange(10) // 2
    row = cost_row(
        "leace", gaps, attribute="tone", leakage=({"linear": before, "nonlinear": before},) * 2, chance=0.6,
        clusters=clusters, utility=(before, after, clusters),
    )  # fmt: skip
    assert row["widest_gap_before"] == pytest.approx(0.5) and row["widest_gap_after"] == pytest.approx(0.1)
    assert (row["utility_before"], row["utility_after"]) == (0.8, 0.5)
    expected = clustered_mean(after.astype(float) - before, clusters)
    assert (row["utility_change"], row["utility_low"], row["utility_high"]) == pytest.approx(expected)
    assert (row["leakage_change"], row["n"], row["clusters"]) == (0, 10, 5)


def test_tables_have_stable_columns(sides: tuple[Answered, Answered]) -> None:
    gaps = gap_frame([gap_rows("leace", Pair.of(*sides)), gap_rows("none", Pair.of(sides[0], sides[0]))])
    assert gaps["n_group"].dtype == "int64" and set(gaps["method"]) == {"leace", "none"}
    costs = cost_frame([{"method": "dear", "attribute": "tone", "note": "no texts"}])
    assert (
        tuple(costs.columns) == COST_COLUMNS and costs["n"].tolist() == [0] and costs["chance"].isna().all()
    )


def test_without_a_truth_there_is_no_accuracy_to_lose(sides: tuple[Answered, Answered]) -> None:
    assert correctness(Pair.of(*sides)) is None
