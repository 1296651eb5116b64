"""Counts of a selection in tables and in the figure."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.curation import CurationReport
from clipmodel.errors import UserError


@pytest.fixture
def report() -> CurationReport:
    counts = pd.DataFrame(
        {
            "query": ["a", "b", "c", "d"],
            "source": "word",
            "contained_before": [3, 10, 0, 10],
            "contained_after": [3, 5, 0, 4],
            "assigned_after": [3, 4, 0, 4],
        }
    )
    return CurationReport(counts, {"t": 4, "totals": {"kept": 8}})


def test_the_distribution_by_hand(report: CurationReport) -> None:
    row = report.distribution().loc["contained_before"]
    # 0, 3, 10, 10: the lower of the two in the middle; the 99th percentile is below the last value.
    assert row.tolist() == [23, 3, 23 / 4, 3, 10, 10, 10]
    assert row.index.tolist() == ["pairs", "queries with any", "mean", "50%", "90%", "99%", "100%"]


def test_the_most_frequent_queries_and_ties_by_name(report: CurationReport) -> None:
    assert report.most_frequent(3)["query"].tolist() == ["b", "d", "a"]


def test_queries_that_reach_a_count_by_hand(report: CurationReport) -> None:
    steps = report.reached()
    before = steps[steps["count"] == "contained, before"]
    # Three queries have at least 3 captions, two at least 10; none is drawn at 0 on a logarithmic axis.
    assert before[["captions", "queries"]].values.tolist() == [[3, 3], [10, 2]]


def test_written_and_read_again(tmp_path: Path, report: CurationReport) -> None:
    report.write(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "counts.png",
        "curation.json",
        "queries.parquet",
    ]
    drawn = (tmp_path / "counts.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    report.plot(tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == drawn
    read = CurationReport.read(tmp_path)
    pd.testing.assert_frame_equal(read.queries, report.queries, check_dtype=False)
    assert read.summary == report.summary
    assert read.totals == {"kept": 8}


def test_a_folder_without_a_selection_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no selection of captions"):
        CurationReport.read(tmp_path)
