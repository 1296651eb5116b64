"""Matches of shards: counts that add up, and files that give back what was written."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path

import pandas as pd

from clipmodel.curation import Matcher, Shard
from clipmodel.curation.hashed_draws import SmallestDraws, draws, identities, query_salts
from clipmodel.curation.match_files import match_shard, read_matches, smallest_draws

AsShards = Callable[[pd.DataFrame, int], list[Shard]]
FRAME = pd.DataFrame(
    {"url": list("stuvwx"), "caption": ["a b", None, "c", " ", "B", "a"]}, index=list("stuvwx")
)


def test_counts_and_the_matches_by_hand(tmp_path: Path, as_shards: AsShards) -> None:
    (shard,) = as_shards(FRAME, 1)
    calls: list[tuple[int, float]] = []
    counts = match_shard(
        shard, Matcher(["a", "b"]), to=tmp_path / "m", advance=lambda *done: calls.append(done)
    )
    assert (counts.rows, counts.missing, counts.matched) == (6, 2, 3)
    assert counts.contained.tolist() == [2, 2]
    assert calls == [(6, 1.0)]
    (batch,) = read_matches(tmp_path / "m")
    assert batch.rows.tolist() == [0, 4, 5]
    assert batch.matches.offsets.tolist() == [0, 2, 3, 4]
    assert batch.matches.queries.tolist() == [0, 1, 1, 0]
    assert batch.identities.tolist() == identities(["a b", "B", "a"], ["s", "w", "x"]).tolist()
    salts = query_salts(["a", "b"], 3)
    expected = draws(batch.identities[[0, 0, 1, 2]], salts[[0, 1, 1, 0]])
    assert batch.draws(salts).tolist() == expected.tolist()


def test_tallies_of_shards_add_up_to_that_of_all(tmp_path: Path, as_shards: AsShards) -> None:
    matcher = Matcher(["a", "b"])

    def numbers(n_shards: int) -> list[int]:
        counted = [
            match_shard(shard, matcher, to=tmp_path / "m", advance=lambda *_: None)
            for shard in as_shards(FRAME, n_shards)
        ]
        merged = reduce(add, counted)
        return [merged.rows, merged.missing, merged.matched, *merged.contained.tolist()]

    assert numbers(1) == numbers(3) == [6, 2, 3, 2, 2]


def test_only_queries_above_t_are_ranked(tmp_path: Path, as_shards: AsShards) -> None:
    (shard,) = as_shards(FRAME, 1)
    counts = match_shard(shard, Matcher(["a", "b"]), to=tmp_path / "m", advance=lambda *_: None)
    salts = query_salts(["a", "b"], 0)
    (batch,) = read_matches(tmp_path / "m")
    everything = SmallestDraws(2, 1)
    everything.add(batch.matches.queries, batch.draws(salts))
    ranked = smallest_draws(tmp_path / "m", contained=counts.contained, salts=salts, t=1)
    assert [part.tolist() for part in ranked.limits()] == [part.tolist() for part in everything.limits()]
    none = smallest_draws(tmp_path / "m", contained=counts.contained, salts=salts, t=2)
    assert none.limits()[1].tolist() == [2, 2]
