"""Rankings before and after: figures of bare arrays, draws by hand, and a change that is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audit.mitigation.ranking_changes import (
    BY_LABEL,
    BY_RANKING,
    DRAWS,
    EVERY_QUERY,
    MAX_SKEW,
    NDKL,
    NO_INTERVAL,
    RANKING_COLUMNS,
    RECALL,
    SHARE,
    SIMILARITY,
    TOO_SHORT,
    Ranking,
    _kept,
    ranking_frame,
    ranking_rows,
    rankings_of,
)
from probes.metrics.ranking import counts_at, ndkl, skew
from probes.mitigation.methods.reranking import NOBODY, DetGreedy
from probes.records import ALL

N, K = 60, 10


def ranking(
    scores: np.ndarray, gender: np.ndarray, *, cluster: np.ndarray | None = None, **settings: object
) -> Ranking:
    probe = {"name": "search", "kind": "ranking", "groups": [["gender"]],
             "settings": {"k": [K], "reference": "candidates", "zero_rule": "1/K", **settings}}  # fmt: skip
    n = scores.shape[1]
    return Ranking(
        probe=probe, template="plain", queries=tuple(f"q{i}" for i in range(len(scores))), scores=scores,
        image=np.array([f"i{i}" for i in range(n)], dtype=object),
        cluster=np.arange(n) if cluster is None else cluster, labels=pd.DataFrame({"gender": gender}),
        fixed={},
    )  # fmt: skip


@pytest.fixture
def skewed() -> Ranking:
    """Two queries; men are a third of the images, and nearly all of those on top."""
    rng = np.random.default_rng(0)
    gender = np.where(np.arange(N) % 3 == 0, "man", "woman")
    return ranking(rng.standard_normal((2, N)) + 2.0 * (gender == "man"), gender)


def of(table: pd.DataFrame, measure: str, *, query: str = EVERY_QUERY, group: str = "") -> pd.Series:
    (row,) = table[(table["measure"] == measure) & (table["query"] == query) & (table["group"] == group)].iloc
    return row


def test_figures_before_and_after_are_those_of_the_bare_arrays(skewed: Ranking) -> None:
    table = ranking_rows("det_greedy", skewed, skewed, reranker=DetGreedy(), attribute="gender", draws=9)
    assert tuple(table.columns) == RANKING_COLUMNS
    codes, p = (skewed.labels["gender"] == "woman").astype(int).to_numpy(), np.array([20 / 60, 40 / 60])
    for place, query in enumerate(skewed.queries):
        before = counts_at(skewed.scores[place], codes, n_groups=2)
        # The order after, as a ranking whose scores fall.
        order = DetGreedy().order(codes[np.argsort(-skewed.scores[place], kind="stable")][None], p)[0]
        best_first = np.argsort(-skewed.scores[place], kind="stable")[order]
        falling = np.empty(N)
        falling[best_first] = -np.arange(N)
        after = counts_at(falling, codes, n_groups=2)
        row = of(table, MAX_SKEW, query=query)
        assert row["before"] == pytest.approx(skew(before[K - 1], p).max())
        assert row["after"] == pytest.approx(skew(after[K - 1], p).max())
        row = of(table, NDKL, query=query)
        assert (row["before"], row["after"]) == pytest.approx((float(ndkl(before, p)), float(ndkl(after, p))))
        assert of(table, SHARE, query=query, group="man")["after"] == after[K - 1][0] / K
        top = np.sort(skewed.scores[place])[::-1][:K]
        kept = of(table, SIMILARITY, query=query)
        assert kept["before"] == pytest.approx(top.mean())
        assert kept["after"] == pytest.approx(skewed.scores[place][best_first[:K]].mean())
        assert kept["change"] <= 0  # no order has a higher mean score than that of the scores
    # A third of ten: three or four men, and ln(4/10 / (1/3)) at most.
    assert of(table, MAX_SKEW)["after"] <= math.log(0.4 * 3) + 1e-9


def test_the_interval_is_students_over_drawn_clusters(skewed: Ranking) -> None:
    rng = np.random.default_rng(3)
    after = ranking(skewed.scores + 0.8 * rng.standard_normal((2, N)), skewed.labels["gender"].to_numpy(),
                    cluster=np.arange(N) // 2)  # fmt: skip
    before = ranking(skewed.scores, skewed.labels["gender"].to_numpy(), cluster=np.arange(N) // 2)
    row = of(ranking_rows("leace", before, after, seed=5), MAX_SKEW)
    drawn = np.random.default_rng([5, 8]).multinomial(30, np.full(30, 1 / 30), size=DRAWS)
    codes = (skewed.labels["gender"] == "woman").astype(int).to_numpy()
    changes = []

    def mean_skew(side: Ranking, rows: np.ndarray) -> float:
        p = np.bincount(codes[rows], minlength=2) / len(rows)
        tops = [counts_at(s[rows], codes[rows], n_groups=2, tie_rule="row order")[K - 1] for s in side.scores]
        return float(np.mean([skew(top, p).max() for top in tops]))

    for times in drawn:
        rows = np.repeat(np.arange(N), times[np.arange(N) // 2])
        changes.append(mean_skew(after, rows) - mean_skew(before, rows))
    half = stats.t.ppf(0.975, 29) * np.std(changes, ddof=1)
    assert (row["low"], row["high"]) == pytest.approx((row["change"] - half, row["change"] + half))
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["change"]) / np.std(changes, ddof=1), 29))


def test_nothing_changed_is_no_change_and_a_lowered_skew_is_narrower(skewed: Ranking) -> None:
    none = ranking_rows("none", skewed, skewed)
    lowered = ranking_rows("det_greedy", skewed, skewed, reranker=DetGreedy(), attribute="gender")
    table = ranking_frame([none, lowered])
    assert (none["change"] == 0).all()
    tested = table[table["p"].notna()]
    assert set(tested["measure"]) == {"MaxSkew", "MinSkew", "NDKL"} and (tested["query"] == EVERY_QUERY).all()
    assert set(tested.loc[tested["method"] == "none", "effect"]) == {"not shown"}
    assert set(tested.loc[tested["method"] == "det_greedy", "effect"]) == {"narrower"}
    assert (table.loc[table["p"].isna(), "effect"] == "").all()


def test_recall_is_of_the_label_and_without_one_of_the_images_that_came_first(skewed: Ranking) -> None:
    rng = np.random.default_rng(4)
    judge = rng.random(N) < 0.1  # fewer than K: of as many as there can be
    own = replace(skewed, relevant={"q0": judge})
    table = ranking_rows("det_greedy", own, own, reranker=DetGreedy(), attribute="gender", draws=20)
    codes, p = (skewed.labels["gender"] == "woman").astype(int).to_numpy(), np.array([20 / 60, 40 / 60])
    for place, query in enumerate(skewed.queries):
        first = np.argsort(-skewed.scores[place], kind="stable")
        after = first[DetGreedy().order(codes[first][None], p)[0]][:K]
        row = of(table, RECALL, query=query)
        if query == "q0":
            wanted = judge[first[:K]].sum() / judge.sum(), judge[after].sum() / judge.sum()
            assert judge.sum() < K and row["note"] == BY_LABEL
        else:
            wanted = 1.0, len({*after} & {*first[:K]}) / K
            assert row["note"] == BY_RANKING and row["after"] < 1
        assert (row["before"], row["after"]) == pytest.approx(wanted)
        assert row["low"] <= row["change"] <= row["high"]
    assert of(table, RECALL)["note"] == f"{BY_LABEL}; {BY_RANKING}"


def test_images_drawn_several_times_are_kept_as_often() -> None:
    one, other = np.array([[0, 0, 1, 2], [3, 4, NOBODY, NOBODY]]), np.array([[0, 2, 2, 5], [4, 3, 0, NOBODY]])
    # 0 once of twice, 2 once; then both of two.
    assert _kept(one, other, 6).tolist() == [0.5, 1.0]


def test_images_of_no_known_group_are_left_out_and_small_cases_say_why(skewed: Ranking) -> None:
    gender = skewed.labels["gender"].to_numpy().copy()
    gender[:10] = "(missing)"
    own = ranking(skewed.scores, gender)
    table = ranking_rows("det_greedy", own, own, reranker=DetGreedy(), attribute="gender", draws=5)
    assert (table["n"] == 50).all()
    few = ranking(skewed.scores, skewed.labels["gender"].to_numpy(), cluster=np.arange(N) % 4)
    assert set(ranking_rows("none", few, few)["note"]) == {NO_INTERVAL}
    long = ranking(skewed.scores, skewed.labels["gender"].to_numpy(), k=[N])
    row = of(ranking_rows("none", long, long, draws=5), MAX_SKEW)
    assert row["note"] == TOO_SHORT and np.isnan(row["change"])
    with pytest.raises(ValueError, match="different images"):
        ranking_rows("none", skewed, ranking(skewed.scores[:1], gender))


def test_the_queries_and_shares_of_a_run_are_read_from_its_records() -> None:
    rows = [
        {"template": "plain", "item": item, "image": f"i{i}", "cluster": f"c{i // 2}", "gender": sex,
         "value": 0.1 * i + place}
        for place, item in enumerate(("cook", "judge"))
        for i, sex in enumerate(["man", "woman", "man"])
    ]  # fmt: skip
    shares = {"man": 0.4, "woman": 0.6, ALL: 1.0}
    empty = {"template": "", "item": "(expected share)", "image": "", "cluster": ""}
    rows += [{**empty, "gender": sex, "value": value} for sex, value in shares.items()]
    scalars = pd.DataFrame(rows).assign(probe="search", k=np.nan, side="", n=1)
    manifest = {"probes": [{"name": "search", "kind": "ranking", "groups": [["gender"]],
                            "settings": {"k": [1], "reference": "dataset"}}]}  # fmt: skip
    (found,) = rankings_of(manifest, scalars, ["gender"])
    assert found.queries == ("cook", "judge") and found.scores.shape == (2, 3)
    assert found.scores[1].tolist() == pytest.approx([1.0, 1.1, 1.2])
    assert found.fixed == {"gender": {"man": 0.4, "woman": 0.6}}
    row = of(ranking_rows("none", found, found, draws=3), MAX_SKEW, query="judge")
    assert row["before"] == pytest.approx(math.log(1 / 0.4))
    assert rankings_of(manifest, None, ["gender"]) == []
