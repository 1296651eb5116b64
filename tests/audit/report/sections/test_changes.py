from __future__ import annotations

from typing import Any

import pytest

from audit.comparison.compare import Comparison, compare
from audit.report.sections import changes
from tests.audit.support.compared_audits import drawn


@pytest.fixture(scope="module")
def worse() -> tuple[Comparison, dict[str, Any]]:
    first, second = drawn(500, seed=1, worse=0.4)
    return compare(first, second, margin=0.1), dict(first.manifest)


def test_the_page_names_both_sides_and_what_was_matched(worse: tuple[Comparison, dict[str, Any]]) -> None:
    comparison, manifest = worse
    page = changes.comparison_page(comparison, manifest)
    assert page["matched"] == "500" and page["verdict"].word == "FAIL"
    assert [side[0] for side in page["sides"]] == ["First", "Second"]
    assert page["verdict"].meaning == comparison.sentence


def test_the_widest_changes_come_first_one_a_group(worse: tuple[Comparison, dict[str, Any]]) -> None:
    comparison, manifest = worse
    widest = changes.widest_changes(comparison)
    assert widest["group"].iloc[0] == "dark" and (widest["p_adjusted"] < 0.05).all()
    assert not widest.duplicated(["outcome", "by", "group"]).any()
    said = changes.comparison_page(comparison, manifest)["widest"][0]
    row = widest.iloc[0]
    assert (
        f"{100 * row['rate_first']:.1f}" in said and f"+{100 * row['change']:.1f} percentage points" in said
    )


def test_every_change_has_a_row_and_each_outcome_a_figure(worse: tuple[Comparison, dict[str, Any]]) -> None:
    comparison, manifest = worse
    (part,) = changes.changes_section(comparison, manifest)
    assert len(part.table.rows) == len(comparison.changes) and len(part.figures) == 1
    (gaps,) = changes.gap_changes_section(comparison, manifest)
    assert len(gaps.table.rows) == len(comparison.gap_changes)
    # A comparison of two audits has no p over all specifications.
    assert "p, all specifications equal" not in [column.label for column in part.table.columns]


def test_without_a_margin_the_page_passes_nothing() -> None:
    first, second = drawn(100, seed=2)
    page = changes.comparison_page(compare(first, second), first.manifest)
    assert page["verdict"].word == "NO GATE" and "no margin" in page["verdict"].meaning.lower()
