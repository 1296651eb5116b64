"""How the processes of one life of a run find each other in a store that earlier lives wrote to.

torchrun starts all processes again when one dies, and when a host joins or leaves, and keeps one store for
all of these lives. The addresses of an earlier life still stand in it: a process that is started again would
call one that is dead, or wait for it. So each life needs a name of its own, under which its addresses go.
TORCHELASTIC_RESTART_COUNT is no such name: it counts the failures that an agent saw. It stays when a host
joins, and the agent of that host begins at 0 while the others may be at 1.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from torch.distributed.distributed_c10d import Store

from clipmodel.errors import UserError

__all__ = ["MEETING", "meet", "not_met"]

MEETING = timedelta(minutes=10)  # torchrun starts the processes of a life within seconds of each other
PAUSE_SECONDS = 0.02


def meet(store: Store, *, rank: int, size: int, patience: timedelta = MEETING) -> str:
    """A name that the processes of this life share and no other life has; each of them calls this.

    Every process but the first writes a word that it has just made up under its rank. The first one answers
    each word that it sees with the name, also one that a dead process left, until every rank has confirmed
    the name. Answers and confirmations are keyed by words and names that exist once, so nothing that is old
    can be taken for new.

    Parameters
    ----------
    store
        What the processes share.
    rank, size
        Of this process, and how many there are.
    patience
        How long to wait for the others.

    Raises
    ------
    UserError
        Some did not come in time.
    """
    clock = _Clock(patience)
    return _call_all(store, size, clock) if rank == 0 else _answer(store, rank, size, clock)


def _call_all(store: Store, size: int, clock: _Clock) -> str:
    """What the first process does."""
    name, missing, greeted = uuid.uuid4().hex, set(range(1, size)), set[str]()
    while missing:
        for rank in sorted(missing):
            if store.check([_confirmation(name, rank)]):
                missing.remove(rank)
            elif store.check([_greeting(rank)]) and (word := _read(store, _greeting(rank))) not in greeted:
                store.set(_reply(word), name)
                greeted.add(word)
        if missing:
            clock.pause(f"process 0 met {size - len(missing)} of {size} processes")
    return name


def _answer(store: Store, rank: int, size: int, clock: _Clock) -> str:
    """What every other process does."""
    word = uuid.uuid4().hex
    while not store.check([_reply(word)]):
        # Again and again: a process that outlived its agent may have written over it.
        store.set(_greeting(rank), word)
        clock.pause(f"process {rank} of {size} met no process 0")
    name = _read(store, _reply(word))
    store.set(_confirmation(name, rank), "")
    return name


def not_met(what: str, patience: timedelta) -> UserError:
    """What to say of processes that did not find each other in so much time.

    By default the processes share the store of torchrun's agents, whose address an agent keeps from the
    first round that it is in: in later rounds another host may be the first, and a host that joins is never
    told (torch 2.13). With a store that is not shared, each round has its own.
    """
    return UserError(
        f"{what} within {patience.total_seconds():g} seconds",
        remedy="if hosts joined or left, start torchrun on every host with "
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1; otherwise see what the other processes say",
    )


class _Clock:
    """How long to wait for the others."""

    def __init__(self, patience: timedelta) -> None:
        self._patience, self._end = patience, time.monotonic() + patience.total_seconds()

    def pause(self, what: str) -> None:
        """Wait a moment, or raise what has come of it so far."""
        if time.monotonic() > self._end:
            raise not_met(what, self._patience)
        time.sleep(PAUSE_SECONDS)


def _greeting(rank: int) -> str:
    return f"clip-audit greeting {rank}"


def _reply(word: str) -> str:
    return f"clip-audit reply {word}"


def _confirmation(name: str, rank: int) -> str:
    return f"clip-audit confirmation {name} {rank}"


def _read(store: Store, key: str) -> str:
    return store.get(key).decode()
