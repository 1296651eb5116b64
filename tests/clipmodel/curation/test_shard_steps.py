"""Single shards: ties at a limit are counted shard by shard, and a step may be done again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from clipmodel.curation import QueryList, Shard
from clipmodel.curation.balancing import Balancer, Limits
from clipmodel.curation.match_files import read_matches
from clipmodel.curation.shard_steps import ShardSteps, matches_file

AsShards = Callable[[pd.DataFrame, int], list[Shard]]


def steps(shards: list[Shard], queries: QueryList, draft: Path) -> ShardSteps:
    return ShardSteps(shards=tuple(shards), texts=tuple(queries.texts), draft=draft, seed=3)


def ignore(rows: int, share: float) -> None:
    """Nobody is told how far it is."""


def test_a_step_that_is_done_again_gives_the_same(
    tmp_path: Path, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList
) -> None:
    work = steps(as_shards(captions, 2), queries, tmp_path)
    first = work.match_one(1, ignore)
    written = matches_file(tmp_path, 1).read_bytes()
    second = work.match_one(1, ignore)
    assert (first.rows, first.matched) == (second.rows, second.matched) == (1500, first.matched)
    assert matches_file(tmp_path, 1).read_bytes() == written


def test_ties_are_the_pairs_at_a_limit(tmp_path: Path, as_shards: AsShards) -> None:
    # Without a key, equal captions share their draws: three "a" in the first shard, one in the second.
    captions = pd.DataFrame({"caption": ["a", "b", "a", "a", "a", "c"]})
    work = steps(as_shards(captions, 2), QueryList.of(["a", "b", "d"]), tmp_path)
    list(work.match([ignore, ignore]))
    (batch,) = read_matches(matches_file(tmp_path, 1))
    drawn = int(batch.draws(work.salts)[0])
    limits = Limits(np.array([drawn, 0, 0], np.uint64), np.array([2, 0, 0]))
    assert work.ties_of_one(0, limits) == {0: 2}
    assert work.ties_of_one(1, limits) == {0: 2}
    # A room of two is used up by the first shard.
    balancer = Balancer(limits)
    kept = [sum(len(part.keys) for part in work.select_one(n, balancer, ignore)) for n in (0, 1)]
    assert kept == [2, 0]
