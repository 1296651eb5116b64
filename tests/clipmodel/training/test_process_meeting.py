"""Processes of one life agree on a name, whatever earlier lives left in the store; threads play processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch.distributed as dist

from clipmodel.errors import UserError
from clipmodel.training.process_meeting import meet

PATIENCE = timedelta(seconds=20)


def life(store: dist.Store, size: int, *, late: int | None = None) -> set[str]:
    """The names that the processes of a life agree on; one of them may come late."""

    def process(rank: int) -> str:
        time.sleep(0.1 if rank == late else 0)
        return meet(store, rank=rank, size=size, patience=PATIENCE)

    with ThreadPoolExecutor(size) as pool:
        return set(pool.map(process, range(size)))


@pytest.mark.parametrize("late", [None, 0, 2])
def test_every_life_has_one_name_of_its_own(late: int | None) -> None:
    """Four lives in one store, as hosts leave and join: 3, 1, 4 and 3 processes."""
    store = dist.HashStore()
    names = [life(store, size, late=late) for size in (3, 1, 4, 3)]
    assert [len(found) for found in names] == [1, 1, 1, 1]
    assert len(set.union(*names)) == 4


def test_words_of_dead_processes_are_answered_and_forgotten() -> None:
    """A life whose process 1 waits in vain: its word stands in the store when the next life begins."""
    store = dist.HashStore()
    with pytest.raises(UserError, match="process 1 of 2 met no process 0 within 0 seconds"):
        meet(store, rank=1, size=2, patience=timedelta(0))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(meet, store, rank=0, size=3, patience=timedelta(seconds=1))
        pool.submit(meet, store, rank=2, size=3, patience=PATIENCE).result()
    with pytest.raises(UserError, match="process 0 met 2 of 3 processes within 1 seconds"):
        first.result()
    assert len(life(store, 3)) == 1


def test_the_remedy_says_what_to_set() -> None:
    with pytest.raises(UserError) as caught:
        meet(dist.HashStore(), rank=0, size=2, patience=timedelta(0))
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in caught.value.remedy


def test_a_process_alone_meets_itself() -> None:
    assert len(meet(dist.HashStore(), rank=0, size=1)) == 32
