from __future__ import annotations

import pandas as pd
import pytest

from audit.comparison.run_changes import run_change_table
from audit.report.sections.run_changes import beyond_the_runs, run_changes_page
from tests.audit.comparison.test_run_changes import runs


@pytest.fixture(scope="module")
def changes() -> pd.DataFrame:
    return run_change_table(runs([0.0, 0.01])[0], runs([0.4, 0.41])[0])


def test_the_page_has_rates_and_differences_of_every_probe(changes: pd.DataFrame) -> None:
    manifest = runs([0.0])[0][0].manifest
    run = {"model": "small", "fingerprint": "0" * 40, "data": "faces"}
    page = run_changes_page(changes, manifest, sides={"first": [run, run], "second": [run]})
    assert [(label, len(of_side)) for label, of_side in page["sides"]] == [("First", 2), ("Second", 1)]
    assert sum(len(part.tables) for part in page["parts"]) == 2 * len(page["parts"]) > 0
    assert len(page["told_apart"]) == len(beyond_the_runs(changes))
    # The dark met the outcome .4 more often in the second model: of a difference of 0, 40 points or so.
    assert any("+4" in sentence or "+3" in sentence for sentence in page["told_apart"])


def test_only_changes_whose_interval_over_runs_excludes_zero_are_told(changes: pd.DataFrame) -> None:
    # 0 lies in (-.1, .1) and no interval is known of one run alone.
    rows = changes.head(3).assign(mean_low=[-0.1, 0.02, float("nan")], mean_high=[0.1, 0.2, float("nan")])
    assert beyond_the_runs(rows).index.tolist() == [rows.index[1]]
