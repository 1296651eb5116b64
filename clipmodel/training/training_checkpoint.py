"""Checkpoints that are either whole or absent, and the run they belong to.

`checkpoint.pt` holds everything; where the weights are sharded (FSDP2) they lie beside it in a folder of
torch.distributed.checkpoint, to which each process writes its part, and `checkpoint.pt` names it.

Of random states and the position in the data it holds the step alone: batches, augmentation and dropout are
functions of the seed and the step.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    DictValueType,
    ListDictValueType,
    StateDictOptions,
    ValueType,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from clipmodel.architecture.clip import CLIP
from clipmodel.atomic_files import replace_file
from clipmodel.errors import UserError
from clipmodel.training.distributed import SCALARS, World, is_sharded

CHECKPOINT_FILE = "checkpoint.pt"
SHARDS = "shards-{step}"


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """What training changes, in one process."""

    clip: CLIP
    encoders: nn.Module  # around the clip, wrapped by DDP or FSDP where there are more processes
    optimizer: Optimizer
    scaler: torch.amp.GradScaler
    world: World
    identity: str  # of recipe, seed and vocabulary


def save_checkpoint(out: Path, trainee: Trainee, *, step: int, data: Mapping[str, Any]) -> None:
    """Write the checkpoint after `step` steps, and the position in the data, beside the old one; swap it in.

    Every process must call it; the first one writes `checkpoint.pt`. A kill or a full disk leaves the old
    one, whole.

    Raises
    ------
    UserError
        It cannot be written.
    """
    content: dict[str, Any] = {"identity": trainee.identity, "step": step, "data": data}
    if trainee.scaler.is_enabled():
        content["scaler"] = trainee.scaler.state_dict()
    try:
        if is_sharded(trainee.encoders):
            content["shards"] = _save_shards(out / SHARDS.format(step=step), trainee)
        elif trainee.world.is_first:
            content |= {"model": trainee.clip.state_dict(), "optimizer": trainee.optimizer.state_dict()}
        if trainee.world.is_first:
            replace_file(out / CHECKPOINT_FILE, lambda file: _write(content, file))
    except (OSError, CheckpointException) as error:
        raise UserError(
            f"{out}: the checkpoint of step {step} cannot be written ({_reason(error)})",
            remedy="make room, then run the same command: it resumes from the checkpoint before",
        ) from error
    # After checkpoint.pt names the new shards: until then it names the old ones, which must stay.
    if trainee.world.is_first:
        _drop_shards(out, but=content.get("shards"))
    trainee.world.wait()


def _write(content: Mapping[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(content, file)
    except RuntimeError as error:
        # What torch makes of a write that fails half way; why it failed is in the error's context.
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def _save_shards(folder: Path, trainee: Trainee) -> str:
    model, optimizer = get_state_dict(trainee.encoders, trainee.optimizer)
    try:
        save_shards({"model": model, "optimizer": optimizer}, checkpoint_id=folder)
    except CheckpointException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder.name


def _drop_shards(out: Path, *, but: str | None) -> None:
    for folder in out.glob(SHARDS.format(step="*")):
        if folder.name != but:
            shutil.rmtree(folder)


def _reason(error: OSError | CheckpointException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "; ".join(sorted({str(failure[0]) for failure in error.failures.values()}))


def load_checkpoint(out: Path, trainee: Trainee) -> tuple[int, dict[str, Any]]:
    """Continue the run in a folder, or begin one: the steps it has done, and its position in the data.

    Any number of processes can continue a checkpoint, sharded or not, whichever way it was written.

    Raises
    ------
    UserError
        The checkpoint is unreadable, or another recipe or seed began it.
    """
    path = out / CHECKPOINT_FILE
    if not path.exists():
        return 0, {}
    try:
        # weights_only: a checkpoint is data, and must not run code when somebody else's folder is continued.
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    # torch.load raises any of these on a damaged file.
    except (RuntimeError, EOFError, OSError, LookupError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{path}: unreadable checkpoint ({error})", remedy="delete it, or use another --out"
        ) from error
    if content["identity"] != trainee.identity:
        raise UserError(
            f"{out} holds a run of another recipe or seed", remedy="use another --out, or delete the folder"
        )
    if "shards" in content:
        _load_shards(out / content["shards"], trainee)
    elif is_sharded(trainee.encoders):
        _split_whole(content, trainee)
    else:
        trainee.clip.load_state_dict(content["model"])
        trainee.optimizer.load_state_dict(content["optimizer"])
    if "scaler" in content:
        trainee.scaler.load_state_dict(content["scaler"])
    return int(content["step"]), content.get("data", {})


def _load_shards(folder: Path, trainee: Trainee) -> None:
    if not folder.is_dir():
        raise UserError(
            f"{folder}: the weights that {CHECKPOINT_FILE} names are not there", remedy="restore the folder"
        )
    states: Any = get_state_dict(trainee.encoders, trainee.optimizer)
    model, optimizer = states
    moments = {
        # The step counter is a scalar in both forms.
        name: {key: value if key == "step" else _as_sharded(name, value) for key, value in state.items()}
        for name, state in optimizer["state"].items()
    }
    weights = {name: _as_sharded(name, tensor) for name, tensor in model.items()}
    content = {"model": weights, "optimizer": {**optimizer, "state": moments}}
    load_shards(content, checkpoint_id=folder, no_dist=not dist.is_initialized())
    set_state_dict(trainee.encoders, trainee.optimizer, model_state_dict=model, optim_state_dict=optimizer)


def _split_whole(content: Mapping[str, Any], trainee: Trainee) -> None:
    """Weights and moments of an unsharded run into this sharded one; each process takes its part of all.

    torch numbers an optimiser's state by the order of the parameters in its groups, which sharding keeps.
    """
    names = {id(parameter): name for name, parameter in trainee.encoders.named_parameters()}
    order = [names[id(p)] for group in trainee.optimizer.param_groups for p in group["params"]]
    weights: dict[str, ValueType] = {
        f"clip.{name}": _as_vector(name, tensor) for name, tensor in content["model"].items()
    }
    stored = content["optimizer"]
    moments: DictValueType = {
        order[number]: {k: v if k == "step" else _as_vector(order[number], v) for k, v in state.items()}
        for number, state in stored["state"].items()
    }
    groups: ListDictValueType = [
        {**group, "params": [order[number] for number in group["params"]]} for group in stored["param_groups"]
    ]
    set_state_dict(
        trainee.encoders,
        trainee.optimizer,
        model_state_dict=weights,
        optim_state_dict={"state": moments, "param_groups": groups},
        options=StateDictOptions(full_state_dict=True),
    )


def _as_vector(name: str, tensor: Tensor) -> Tensor:
    """A scalar parameter's tensor with the shape [1] that it has while sharded; others as they are."""
    return tensor.reshape(1) if tensor.ndim == 0 and name.endswith(SCALARS) else tensor


def _as_sharded(name: str, tensor: Tensor) -> Tensor:
    """A scalar parameter's tensor as a view of shape [1], to be filled in place; others as they are."""
    return tensor.view(1) if tensor.ndim == 0 and name.endswith(SCALARS) else tensor


def whole_clip(trainee: Trainee) -> CLIP:
    """The model with all weights in this process; every process must call it."""
    if not is_sharded(trainee.encoders):
        return trainee.clip
    gathered: dict[str, Any] = get_model_state_dict(
        trainee.encoders, options=StateDictOptions(full_state_dict=True)
    )
    weights = {name.removeprefix("clip."): tensor for name, tensor in gathered.items()}
    weights |= {name: weights[name].reshape(()) for name in SCALARS if name in weights}
    # A copy: the sharded module in training must stay as it is.
    clip = CLIP(trainee.clip.config).to(trainee.world.device)
    clip.load_state_dict(weights)
    return clip


def weights_are_finite(trainee: Trainee) -> bool:
    """Whether no process has a weight that is infinite or NaN; every process must ask."""
    local = [w.to_local() if isinstance(w, DTensor) else w for w in trainee.clip.parameters()]
    finite = torch.stack([torch.isfinite(weight).all() for weight in local]).all()
    # A mean of 1 means that every process found its part finite; it is one number to exchange.
    return bool(trainee.world.mean(finite.float()) == 1)
