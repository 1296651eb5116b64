from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.confirmation import CONFIRMATION_COLUMNS, with_confirmation
from audit.conclusions.findings import finding_table
from audit.result import AuditResult
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.tests_of_proportions import two_sided_p
from audit.tables.context import TableContext
from audit.tables.rates import gap_table
from probes.records import empty_counts
from tests.audit.support.naive_counts import (
    ATTRIBUTES,
    draw_images,
    manifest_of,
    naive_counts,
    probe_entry,
    records_of,
)

MANIFEST = manifest_of(probe_entry())
CONTEXT = TableContext.of(empty_counts(ATTRIBUTES), MANIFEST, ATTRIBUTES)


def findings_of(images: pd.DataFrame) -> pd.DataFrame:
    context = TableContext.of(naive_counts(images), MANIFEST, ATTRIBUTES)
    return finding_table(context, gap_table(context))


def confirmed(found: pd.DataFrame, apart: pd.DataFrame) -> pd.DataFrame:
    return with_confirmation(CONTEXT, found, naive_counts(apart))


def test_without_images_kept_apart_all_findings_are_explored() -> None:
    found = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    table = with_confirmation(CONTEXT, found, None)
    assert (table["status"] == "explored").all()
    assert table[list(CONFIRMATION_COLUMNS[1:])].isna().all(axis=None)


def test_a_true_gap_is_confirmed_by_its_own_numbers() -> None:
    found = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    apart = draw_images(800, seed=4, extra={"dark": 0.3})
    table = confirmed(found, apart)
    row = table[(table["outcome"] == "misclassified") & (table["by"] == "skin_tone")].iloc[0]
    wrong, dark = apart["prediction"] != apart["truth"], apart["skin_tone"] == "dark"
    assert row["status"] == "confirmed"
    assert row["confirmation_difference"] == pytest.approx(wrong[dark].mean() - wrong[~dark].mean())
    assert (row["confirmation_n_group"], row["confirmation_n_reference"]) == (dark.sum(), (~dark).sum())


def test_p_is_adjusted_over_the_findings_and_no_more() -> None:
    found = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    apart = draw_images(300, seed=5, extra={"dark": 0.1})
    gaps = gap_table(TableContext.of(naive_counts(apart), MANIFEST, ATTRIBUTES))
    keys = ["outcome", "by", "group"]
    raw = found[keys].merge(gaps[[*keys, "p"]], on=keys, how="left")["p"]
    np.testing.assert_allclose(confirmed(found, apart)["confirmation_p_adjusted"], holm(raw))


def test_no_gap_or_the_opposite_gap_confirms_nothing() -> None:
    found = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    by_tone = found[(found["outcome"] == "misclassified") & (found["by"] == "skin_tone")]
    assert set(confirmed(by_tone, draw_images(800, seed=6))["status"]) == {"not confirmed"}
    turned = confirmed(by_tone, draw_images(800, seed=6, extra={"light": 0.4, "medium": 0.4}))
    assert (turned["confirmation_p_adjusted"] < 0.05).all()
    assert set(turned["status"]) == {"not confirmed"}


def test_too_few_images_test_nothing() -> None:
    found = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    apart = draw_images(60, seed=7)
    table = confirmed(found, apart[apart["skin_tone"] != "dark"])
    assert (table.loc[table["group"] == "dark", "status"] == "not tested").all()


def test_confirmation_holds_its_level_on_findings_that_exploration_made_up() -> None:
    rng = np.random.default_rng(8)
    # Exploration picked the widest of many null gaps; the held-out images know nothing of that.
    p = two_sided_p(rng.binomial(60, 0.3, 2000), 60, rng.binomial(200, 0.3, 2000), 200)
    assert (holm(p.reshape(400, 5)) < 0.05).any(axis=1).mean() <= 0.06


def test_the_audit_carries_the_confirmation() -> None:
    records = records_of(draw_images(1500, seed=3, extra={"dark": 0.3}))
    apart = naive_counts(draw_images(800, seed=4, extra={"dark": 0.3}))
    result = AuditResult.from_records(dataclasses.replace(records, confirmation=apart))
    assert "confirmed" in set(result.findings["status"])
    assert result.confirmation is not None
