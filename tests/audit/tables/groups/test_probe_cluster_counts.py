"""Counts by cluster as a grouping sees them, against plain masks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.tables.groups.group_counts import SPECIFICATION, GroupCounts
from audit.tables.groups.probe_cluster_counts import ProbeClusterCounts, matched
from probes.records import WEIGHTED

KEY = {"probe": "p", "design": "d", "template": "t", "rule": "argmax", "threshold": np.nan}


def _frame() -> pd.DataFrame:
    """Two outcomes; cluster c1 holds dark and light images, c2 dark ones and one of unknown tone."""
    rows = [("c1", "dark", 2), ("c1", "light", 1), ("c2", "dark", 3), ("c2", "(missing)", 1)]
    return pd.DataFrame([
        {**KEY, "outcome": outcome, "tone": tone, "cluster": cluster, "n": n, "count": n * share}
        for outcome, share in (("a", 1), ("b", 0)) for cluster, tone, n in rows
    ])  # fmt: skip


def _groups(outcomes: list[str]) -> GroupCounts:
    """No outcome of the counts, then those named: groups light and dark."""
    specifications = pd.DataFrame([{**KEY, "outcome": name} for name in outcomes])[list(SPECIFICATION)]
    zeros = np.zeros((len(outcomes), 2, 1), dtype=np.int64)
    return GroupCounts(
        specifications=specifications, by=("tone",), groups=pd.DataFrame({"tone": ["light", "dark"]}),
        truths=("(none)",), n=zeros, count=zeros,
    )  # fmt: skip


def test_a_view_sums_by_cluster_and_group() -> None:
    counts = ProbeClusterCounts(frame=_frame())
    view = counts.view(_groups(["other", "b", "a"]))
    ((rows, x, n, _),) = view.tables()
    assert rows.tolist() == [1, 2]
    assert n.tolist() == [[1, 2], [0, 3]]  # clusters c1, c2; light, dark
    assert x.tolist() == [[[0, 0], [0, 0]], [[1, 2], [0, 3]]]


def test_one_row_of_a_view_is_that_of_the_whole() -> None:
    view = ProbeClusterCounts(frame=_frame()).view(_groups(["other", "b", "a"]))
    ((rows, x, *_),) = view.tables(np.array([2]))
    assert (rows.tolist(), x.tolist()) == ([2], [[[1, 2], [0, 3]]])
    assert list(view.tables(np.array([0]))) == []
    assert list(view.moments(np.array([0]))) == []


def test_an_outcome_stands_for_that_of_the_specifications_and_a_view_is_made_once() -> None:
    counts, groups = ProbeClusterCounts(frame=_frame()), _groups(["correct"])
    assert list(counts.view(groups).tables()) == []
    ((rows, x, *_),) = counts.view(groups, "a").tables()
    assert (rows.tolist(), x.sum()) == ([0], 6)
    assert counts.view(groups, "a") is counts.view(groups, "a")


def test_rows_are_matched_where_nan_equals_nan() -> None:
    wanted, found = _groups(["a", "b"]).specifications, _groups(["b", "c", "a"]).specifications
    assert matched(wanted, found).tolist() == [1, -1, 0]


def test_squared_weights_stand_beside_the_weights() -> None:
    """Where images have weights the sums are theirs: c1 dark 2 images of weight .5, and so on."""
    weight, squared = [1.0, 2.0, 3.0, 1.0] * 2, [0.5, 4.0, 3.0, 1.0] * 2
    values = (weight, [0.0] * 8, squared, squared)
    frame = _frame().assign(**dict(zip(WEIGHTED, values, strict=True)))
    ((_, _, n, squared),) = ProbeClusterCounts(frame=frame).view(_groups(["a"])).tables()
    assert n.tolist() == [[2, 1], [0, 3]]  # clusters c1, c2; light, dark
    assert squared.tolist() == [[4, 0.5], [0, 3]]


def test_without_counts_by_cluster_a_view_is_empty() -> None:
    view = ProbeClusterCounts(frame=pd.DataFrame(columns=list(SPECIFICATION))).view(_groups(["a"]))
    assert list(view.tables()) == list(view.moments()) == []
