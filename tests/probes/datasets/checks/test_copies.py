"""Copies are found, form one cluster, and their labels are compared."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from probes.datasets.checks.copies import find_copies, joined

LABELS = pd.DataFrame({"race": ["A", "B", "A", "A", None], "age": ["1", "1", "2", "2", "3"]})


def test_copies_are_grouped_and_their_contradictions_counted() -> None:
    """Rows 10 and 11 are one image of two races; 12 and 14 have two ages, and one of them no race."""
    copies = find_copies([10, 11, 12, 13, 14], ["x", "x", "y", "z", "y"], LABELS)
    assert copies.rows.tolist() == [10, 11, 12, 14]
    assert copies.n_groups == 2
    assert copies.contradictions == {"race": 1, "age": 1}
    assert copies.n_contradictory == 2
    assert copies.sentence == (
        "4 images are byte-identical copies, in 2 groups; each group counts as one cluster. The labels of "
        "copies contradict each other in 2 of them (race 1, age 1)."
    )


def test_no_copies_are_nothing_to_speak_of() -> None:
    copies = find_copies([0, 1], ["x", "y"], LABELS.iloc[:2])
    assert (len(copies.rows), copies.n_groups, copies.sentence) == (0, 0, "")
    assert find_copies([], [], LABELS.iloc[:0]).sentence == ""


def test_copies_join_the_clusters_they_lie_in() -> None:
    """Person p has rows 0 and 1, q rows 2 and 3; row 1 is a copy of row 2, so p and q are one cluster."""
    clusters = pd.Series(["p", "p", "q", "q", "r"])
    copies = find_copies([1, 2, 4], ["x", "x", "y"], LABELS.iloc[:3])
    assert joined(clusters, copies).tolist() == ["p", "p", "p", "p", "r"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_clusters_are_the_connected_parts_of_a_graph(rows: list[tuple[int, int]]) -> None:
    graph = nx.Graph([(f"cluster {cluster}", f"content {content}") for cluster, content in rows])
    copies = find_copies(
        list(range(len(rows))), [str(content) for _, content in rows], pd.DataFrame(index=range(len(rows)))
    )
    found = joined(pd.Series([str(cluster) for cluster, _ in rows]), copies)
    parts = {node: i for i, part in enumerate(nx.connected_components(graph)) for node in part}
    expected = np.array([parts[f"cluster {cluster}"] for cluster, _ in rows])
    same = found.to_numpy()[:, None] == found.to_numpy()[None, :]
    assert (same == (expected[:, None] == expected[None, :])).all()
