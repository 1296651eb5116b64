"""The steps of curation by actors of Ray: each has shards of its own, and a dead one is started again.

Shards and the draft folder are files that every worker must reach: on one machine they are, on a cluster they
lie on storage that its machines share. Captions do not pass through Ray; counts and limits do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from clipmodel.curation.balancing import Balancer, Limits
from clipmodel.curation.hashed_draws import SmallestDraws
from clipmodel.curation.match_files import Advance, MatchCounts
from clipmodel.curation.selection import Selected, read_selected, write_selected
from clipmodel.curation.shard_steps import ShardSteps
from clipmodel.errors import UserError
from clipmodel.ray_session import import_ray, ray_session

__all__ = ["ShardWorker", "ray_shard_work"]

T = TypeVar("T")
RETRIES = 3  # of a shard whose worker died


class ShardWorker:
    """What an actor of Ray does: a step on one shard; what went wrong is a value.

    Parameters
    ----------
    steps
        Queries, shards and draft; the matcher is made once an actor.
    """

    def __init__(self, steps: ShardSteps) -> None:
        self._steps = steps

    def match(self, number: int) -> MatchCounts | UserError:
        """Match one shard."""
        return _told(lambda: self._steps.match_one(number, _ignore))

    def smallest(self, number: int, contained: np.ndarray, t: int) -> SmallestDraws | UserError:
        """The smallest draws of one shard."""
        return _told(lambda: self._steps.smallest_of_one(number, contained, t))

    def ties(self, number: int, limits: Limits) -> dict[int, int] | UserError:
        """Query -> pairs of one shard at its limit."""
        return _told(lambda: self._steps.ties_of_one(number, limits))

    def select(self, number: int, limits: Limits, taken: dict[int, int]) -> Path | UserError:
        """Select from one shard; where the kept captions lie. Earlier shards have `taken` ties of a query."""
        room = limits.room.copy()
        for query, n in taken.items():
            room[query] -= n
        balancer = Balancer(Limits(limits.draw, room))
        file = self._steps.draft / f"{number}.selected"

        def write() -> Path:
            write_selected(file, self._steps.select_one(number, balancer, _ignore))
            return file

        return _told(write)


@contextmanager
def ray_shard_work(steps: ShardSteps, *, workers: int) -> Iterator[RayShards]:
    """The steps by so many actors, on the cluster in RAY_ADDRESS or on this machine.

    Raises
    ------
    UserError
        Ray is not installed; or, from a step, a worker met a user's mistake.
    """
    ray = import_ray()
    # Workers may start in another folder.
    steps = replace(
        steps, draft=steps.draft.resolve(),
        shards=tuple(replace(shard, path=shard.path.resolve()) for shard in steps.shards),
    )  # fmt: skip
    with ray_session(ray, workers):
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=RETRIES)(ShardWorker)
        shared = ray.put(steps)
        n_actors = min(workers, len(steps.shards))
        yield RayShards(steps, ray, [actor.remote(shared) for _ in range(n_actors)])


class RayShards:
    """`clipmodel.curation.shard_steps.ShardWork` by actors.

    Parameters
    ----------
    steps
        Of the driver.
    ray, actors
        The module, and the workers.
    """

    def __init__(self, steps: ShardSteps, ray: Any, actors: list[Any]) -> None:
        self._steps, self._ray, self._actors = steps, ray, actors

    @property
    def seed(self) -> int:
        """Of the draws."""
        return self._steps.seed

    def match(self, advances: Iterable[Advance]) -> Iterator[MatchCounts]:
        """Match the shards."""
        done = self._in_order(lambda actor, number: actor.match.remote(number))
        for counts, advance in zip(done, advances, strict=True):
            advance(counts.rows, 1.0)
            yield counts

    def smallest(self, contained: np.ndarray, t: int) -> Iterator[SmallestDraws]:
        """The smallest draws of the shards."""
        shared = self._ray.put(contained)
        return self._in_order(lambda actor, number: actor.smallest.remote(number, shared, t))

    def select(self, limits: Limits, advances: Iterable[Advance]) -> Iterator[Iterable[Selected]]:
        """The kept captions of the shards, read from the files that workers wrote."""
        shared = self._ray.put(limits)
        # Pairs at a limit are taken in the order of the shards, so each shard is told what those before it
        # take: then all shards can be selected from at once.
        taken: list[dict[int, int]] = [{}]
        for ties in self._in_order(lambda actor, number: actor.ties.remote(number, shared)):
            taken.append(dict(Counter(taken[-1]) + Counter(ties)) if ties else taken[-1])
        done = self._in_order(lambda actor, number: actor.select.remote(number, shared, taken[number]))
        for file, advance in zip(done, advances, strict=True):
            yield read_selected(file)
            file.unlink()
            advance(0, 1.0)

    def _in_order(self, submit: Callable[[Any, int], Any]) -> Iterator[Any]:
        """Results of all shards in their order, while every actor works on a later one."""
        from ray.util import ActorPool

        for result in ActorPool(self._actors).map(submit, list(range(len(self._steps.shards)))):
            if isinstance(result, UserError):
                raise result
            yield result


def _told(step: Callable[[], T]) -> T | UserError:
    """The result of a step, or the user's mistake: as an exception it would come inside a trace of Ray."""
    try:
        return step()
    except UserError as error:
        return error


def _ignore(rows: int, share: float) -> None:
    """Progress is told shard by shard, by the driver."""
