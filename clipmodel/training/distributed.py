"""The processes of one run: torchrun starts them, each computes its share of every batch.

    torchrun --nproc-per-node 8 --max-restarts 3 --local-ranks-filter 0 --no-python \\
        clip-audit train RECIPE --out DIR

If a process dies, or a host joins or leaves (--nnodes 1:4), torchrun starts all of them again, and they
resume at the last checkpoint in DIR, which all machines must see. If hosts change, set
TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for torchrun (see `process_meeting.not_met`). NCCL where there are GPUs
(one a process), gloo on CPUs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.modified_resnet import Bottleneck
from clipmodel.architecture.transformer import ResidualAttentionBlock
from clipmodel.errors import UserError
from clipmodel.training.gradients import Encoders
from clipmodel.training.process_meeting import MEETING, meet, not_met

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # the others wait while the first process evaluates the model
SCALARS = ("log_scale", "logit_bias")  # FSDP2 splits no scalars: while sharded these have shape [1]


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among those of the run."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """The one that writes files and calls hooks."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This process's rows of a batch.

        Raises
        ------
        UserError
            The batch does not divide by the number of processes.
        """
        if batch_size % self.size:
            raise UserError(
                f"batch_size {batch_size} does not divide by {self.size} processes",
                remedy="choose a multiple, or another --nproc-per-node",
            )
        rows = batch_size // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a scalar over the processes."""
        if self.size == 1:
            return value
        value = value.clone()
        dist.all_reduce(value)
        return value / self.size

    def gather(self, value: T) -> list[T]:
        """What each process has, in the order of their ranks; in every process."""
        if self.size == 1:
            return [value]
        found: list[T | None] = [None] * self.size
        dist.all_gather_object(found, value)
        return cast(list[T], found)

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined_world() -> Iterator[World]:
    """The world torchrun set up, the process group that is there already, or this process alone.

    Raises
    ------
    UserError
        There are more processes on this machine than GPUs.
    """
    device = _own_device()
    begun = dist.is_torchelastic_launched() and not dist.is_initialized()
    if begun:
        join_processes("nccl" if device.type == "cuda" else "gloo")
    try:
        if dist.is_initialized():
            yield World(rank=dist.get_rank(), size=dist.get_world_size(), device=device)
        else:
            yield World(rank=0, size=1, device=device)
    finally:
        if begun:
            dist.destroy_process_group()


def join_processes(backend: str) -> None:
    """Meet the other processes of torchrun, also after a restart and on other hosts than before.

    Raises
    ------
    UserError
        They did not meet in time.
    """
    try:
        store, rank, size = next(rendezvous("env://", timeout=MEETING))
    except dist.DistError as error:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise not_met(f"no connection to the first process at {where}", MEETING) from error
    own = PrefixStore(f"life {meet(store, rank=rank, size=size)}", store)
    own.set_timeout(PATIENCE)
    dist.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=PATIENCE)


def _own_device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # torchrun numbers the processes of each machine in LOCAL_RANK.
    number, gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if number >= gpus:
        raise UserError(
            f"process {number} of this machine has no GPU, there are {gpus}",
            remedy=f"start torchrun with --nproc-per-node {gpus}",
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def compile_blocks(clip: CLIP) -> None:
    """Compile every block of both towers, in place; names of weights stay as they are."""
    for block in _blocks(clip):
        block.compile()


def distribute(encoders: Encoders, world: World, *, sharded: bool) -> nn.Module:
    """The encoders with gradients averaged over the processes; alone they come back as they are.

    Parameters
    ----------
    sharded
        Weights, gradients and optimiser state are split over the processes (FSDP2) and gathered block by
        block; otherwise each process holds a copy (DDP). The temperature then has shape [1].
    """
    if world.size == 1:
        return encoders
    if not sharded:
        return DistributedDataParallel(encoders)
    for name in SCALARS:
        if (scalar := getattr(encoders.clip, name)) is not None:
            setattr(encoders.clip, name, nn.Parameter(scalar.detach().reshape(1)))
    # Blocks first, then the whole: what the blocks leave (embeddings, projections, temperature) is one group.
    for block in _blocks(encoders.clip):
        fully_shard(block)
    fully_shard(encoders)
    return encoders


def _blocks(clip: CLIP) -> list[nn.Module]:
    return [module for module in clip.modules() if isinstance(module, ResidualAttentionBlock | Bottleneck)]


@contextmanager
def averaging(encoders: nn.Module, *, enabled: bool) -> Iterator[None]:
    """Around a forward and backward pass: average gradients over the processes after it, or only add up."""
    if isinstance(encoders, DistributedDataParallel) and not enabled:
        with encoders.no_sync():
            yield
        return
    if isinstance(encoders, FSDPModule):
        # FSDP2's counterpart of DDP's no_sync.
        encoders.set_requires_gradient_sync(enabled)
    yield


def is_sharded(encoders: nn.Module) -> bool:
    return isinstance(encoders, FSDPModule)


def temperature(clip: CLIP) -> float:
    """The multiplier on cosine similarities; every process must ask, for it may be gathered."""
    log_scale = clip.log_scale.detach()
    # A collective: a process that skipped it would leave the others waiting until the timeout.
    if isinstance(log_scale, DTensor):
        log_scale = log_scale.full_tensor()
    return float(log_scale.exp())
