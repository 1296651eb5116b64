"""Curation by workers of Ray: the bytes of one process, also if a worker is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest

from clipmodel.curation import CurationReport, QueryList, Shard, curate
from clipmodel.curation.balancing import RULES, Limits
from clipmodel.curation.ray_shards import RayShards, ShardWorker
from clipmodel.curation.selection import read_selected
from clipmodel.curation.shard_steps import ShardSteps
from clipmodel.errors import UserError

T = TypeVar("T")
AsShards = Callable[[pd.DataFrame, int], list[Shard]]


@pytest.fixture(autouse=True)
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CurationReport, "plot", lambda report, path: path.touch())


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """One Ray for the tests of this file: to start it takes longer than they do."""
    ray = pytest.importorskip("ray")
    from clipmodel.ray_session import ray_session

    with ray_session(ray, 2):
        yield ray


def repeated(captions: pd.DataFrame) -> pd.DataFrame:
    """Without keys, and each caption three times: limits fall among equal draws."""
    texts = captions["caption"].head(600)
    return pd.DataFrame({"caption": pd.concat([texts, texts, texts])})


def sound(found: T | UserError) -> T:
    assert not isinstance(found, UserError), found
    return found


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_the_same_bytes_as_one_process(
    tmp_path: Path, session: Any, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList, rule: Any
) -> None:
    shards = as_shards(repeated(captions), 7)
    curate(shards, queries, out=tmp_path / "local", t=30, rule=rule)
    curate(shards, queries, out=tmp_path / "ray", t=30, rule=rule, ray_workers=2)
    assert files(tmp_path / "ray") == files(tmp_path / "local")
    assert len(pd.read_parquet(tmp_path / "ray/kept.parquet"))


@pytest.mark.slow
def test_a_killed_worker_costs_time_only(
    tmp_path: Path, session: Any, as_shards: AsShards, captions: pd.DataFrame, queries: QueryList
) -> None:
    marker = tmp_path / "killed"

    class Mortal(ShardWorker):
        def match(self, number: int) -> Any:
            if number == 3 and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().match(number)

    shards = as_shards(captions, 6)
    steps = ShardSteps(shards=tuple(shards), texts=tuple(queries.texts), draft=tmp_path, seed=0)
    actor = session.remote(num_cpus=1, max_restarts=-1, max_task_retries=3)(Mortal)
    work = RayShards(steps, session, [actor.remote(steps) for _ in range(2)])
    counted = list(work.match([lambda rows, share: None] * 6))
    assert marker.exists()
    alone = list(steps.match([lambda rows, share: None] * 6))
    assert [one.rows for one in counted] == [one.rows for one in alone]
    for one, other in zip(counted, alone, strict=True):
        np.testing.assert_array_equal(one.contained, other.contained)


def test_a_worker_is_told_what_earlier_shards_took(tmp_path: Path, as_shards: AsShards) -> None:
    captions = pd.DataFrame({"caption": ["a", "b", "a", "a", "a", "c"]})
    steps = ShardSteps(shards=tuple(as_shards(captions, 2)), texts=("a",), draft=tmp_path, seed=0)
    worker = ShardWorker(steps)
    assert sound(worker.match(0)).rows == sound(worker.match(1)).rows == 3
    drawn = sound(worker.smallest(1, np.array([4]), 1)).limits()[0]
    limits = Limits(drawn, np.array([3]))
    assert worker.ties(0, limits) == worker.ties(1, limits) == {0: 2}
    taken: list[dict[int, int]] = [{}, {0: 2}]
    kept = [sound(worker.select(number, limits, taken[number])) for number in (0, 1)]
    assert [sum(len(part.keys) for part in read_selected(file)) for file in kept] == [2, 1]


def test_a_mistake_in_a_worker_is_a_value(tmp_path: Path, as_shards: AsShards) -> None:
    captions = pd.DataFrame({"caption": ["a", "b"]})
    (shard,) = as_shards(captions, 1)
    shard.path.write_bytes(b"no parquet")
    found = ShardWorker(ShardSteps(shards=(shard,), texts=("a",), draft=tmp_path, seed=0)).match(0)
    assert isinstance(found, UserError)


def test_without_ray_it_says_what_to_install(
    tmp_path: Path, as_shards: AsShards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    shards = as_shards(pd.DataFrame({"caption": ["a"]}), 1)
    with pytest.raises(UserError, match="needs Ray"):
        curate(shards, QueryList.of(["a"]), out=tmp_path / "out", ray_workers=2)
    assert not (tmp_path / "out").exists()
