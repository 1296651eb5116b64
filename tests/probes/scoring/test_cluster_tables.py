"""Six images in three clusters, two of which hold images of both groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from probes.planning.image_selection import Selection
from probes.records import ALL, MISSING, MOMENTS, attribute_column
from probes.scoring import cluster_tables as module
from probes.scoring.cluster_tables import ProbeClusters, cluster_tables
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import RankLog

GENDER = np.array(["man", "man", "woman", "woman", "woman", MISSING])
CLUSTERS = pd.Series(["x", "y", "x", "x", "y", "z"])
LEVELS = np.array([[2, 0, 1, 2, 1, 0]])  # how many of the two thresholds each image reaches


def selection() -> Selection:
    names, cell = np.unique(GENDER, return_inverse=True)
    cells = pd.DataFrame({"gender": names, "truth": "(none)"})
    return Selection(rows=np.arange(6), cell=cell, cells=cells, excluded=pd.DataFrame())


def clusters() -> ProbeClusters:
    found = ProbeClusters.of(selection(), CLUSTERS)
    assert found is not None
    return found


def log(*, curve: int = 0) -> RankLog:
    points = np.linspace(0, 1, curve)
    made = RankLog(6, n_specifications=1, rules=[RuleThresholds.of("probability", [0.2, 0.5])], curve=points,
                    inverted=[False])  # fmt: skip
    made.add(0, 0, dict.fromkeys(made.ranks, LEVELS))
    return made


def tables(own: RankLog) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    return cluster_tables(
        own, clusters(), keys=[("p", "default", "plain")], outcomes=["harm"], groups=[["gender"]]
    )


def test_clusters_of_one_image_are_none() -> None:
    assert ProbeClusters.of(selection(), pd.Series(list("abcdef"))) is None


def test_pairs_of_group_and_cluster_are_counted() -> None:
    pairs = clusters().pairs.sort_values(["gender", "cluster"])
    expected = [[MISSING, "z", 1], ["man", "x", 1], ["man", "y", 1], ["woman", "x", 2], ["woman", "y", 1]]
    assert pairs[["gender", "cluster", "n"]].to_numpy().tolist() == expected
    assert clusters().attributes == ["gender"]


def grouped_by_pandas(own: Selection, clusters: pd.Series) -> tuple[pd.DataFrame, np.ndarray]:
    """The naive reference: a row of labels an image, grouped by pandas."""
    labels = own.cells.drop(columns="truth").iloc[own.cell].reset_index(drop=True)
    named = labels.assign(cluster=clusters.reset_index(drop=True))
    groups = named.groupby([*labels.columns, "cluster"], sort=True)
    return groups.size().reset_index(name="n"), groups.ngroup().to_numpy()


@pytest.mark.parametrize("most", [0, 1 << 20])
@pytest.mark.parametrize("names", [[], ["gender"], ["tone", "gender"]])
def test_pairs_are_those_of_pandas(names: list[str], most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells differ in the truth as well, and clusters spread over groups; names sort by their characters."""
    monkeypatch.setattr(module, "MOST_COUNTED", most)
    rng = np.random.default_rng(len(names))
    cells = pd.DataFrame(
        [(a, b, t) for a in ("z", "B", MISSING) for b in ("é", "a") for t in ("x", "y")],
        columns=["gender", "tone", "truth"],
    )[[*names, "truth"]]
    own = Selection(rows=np.arange(300), cell=rng.integers(0, 12, 300), cells=cells, excluded=pd.DataFrame())
    people = pd.Series([f"p{i}" for i in rng.integers(0, 90, 300)], index=range(5, 305))
    found = ProbeClusters.of(own, people)
    assert found is not None
    pairs, pair = grouped_by_pandas(own, people)
    pd.testing.assert_frame_equal(found.pairs, pairs)
    assert found.pair.tolist() == pair.tolist()
    assert found.cluster.tolist() == pd.factorize(pairs["cluster"])[0].tolist()


def test_a_grouping_leaves_out_images_without_the_attribute() -> None:
    labels, pairs = clusters().grouping(["gender"])
    assert labels["gender"].tolist() == ["man", "woman"]
    assert pairs.code[-1] == -1 and pairs.group.tolist() == [0, 0, 1, 1]
    labels, pairs = clusters().grouping([])
    assert labels["gender"].tolist() == [ALL] and len(pairs.group) == 3  # the three clusters


def test_counts_by_cluster_at_each_threshold() -> None:
    (counts,), moments = tables(log())
    assert moments == []
    at = counts[counts["gender"] == "woman"].set_index(["threshold", "cluster"])["count"].to_dict()
    # Of x one of two reaches .5 and both reach .2; the image of y reaches .2 only.
    assert at == {(0.2, "x"): 2, (0.2, "y"): 1, (0.5, "x"): 1, (0.5, "y"): 0}
    assert (counts["probe"][0], counts["rule"][0], counts["outcome"][0]) == ("p", "probability", "harm")


def test_too_many_rows_leave_only_moments_and_so_does_the_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, on_curve = tables(log(curve=2))
    assert len(counts) == 1 and [len(part) for part in on_curve] == [2, 4]  # all images; two groups
    monkeypatch.setattr(module, "MOST_ROWS", 9)  # 2 thresholds x 5 pairs are 10
    counts, moments = tables(log())
    assert counts == []
    women = moments[1][(moments[1]["gender"] == "woman") & (moments[1]["threshold"] == 0.2)].iloc[0]
    # Clusters of 2 and 1 images, both with the event and without an image that lacks it: n2 = 4 + 1.
    assert women[["clusters", "with_event", "without_event", "n2"]].tolist() == [2, 2, 0, 5]
    assert set(MOMENTS) <= set(moments[0].columns)


def test_an_attribute_with_the_name_of_a_column_is_divided_by_as_any_other() -> None:
    """The column of an attribute "value" is called otherwise in the tables, which hold values themselves."""
    kinds = {}
    for name in ("gender", "value"):
        cells = selection().cells.rename(columns={"gender": attribute_column(name)})
        asked = Selection(rows=np.arange(6), cell=selection().cell, cells=cells, excluded=pd.DataFrame())
        found = ProbeClusters.of(asked, CLUSTERS)
        assert found is not None
        keys = [("p", "default", "plain")]
        _, moments = cluster_tables(log(curve=3), found, keys=keys, outcomes=["event"], groups=[[name]])
        kinds[name] = pd.concat(moments).rename(columns={attribute_column(name): "gender"})
    pd.testing.assert_frame_equal(kinds["gender"], kinds["value"])
