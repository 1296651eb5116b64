"""Checkpoints that are either whole or absent, and the run they belong to.

`checkpoint.pt` holds everything; where the weights are sharded (FSDP2) they lie beside it in a folder of
torch.distributed.checkpoint, to which each process writes its part, and `checkpoint.pt` names it.
"""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards
from torch.optim import Optimizer

from clipmodel.errors import UserError
from clipmodel.model import CLIP
from clipmodel.training.distributed import SCALARS, World, is_sharded

CHECKPOINT_FILE = "checkpoint.pt"
SHARDS = "shards-{step}"


@dataclass
class RunState:
    """What a run needs to go on: data and augmentation follow from the seed and the step."""

    step: int  # steps done
    history: list[dict[str, float]]  # one entry a logged step


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """What training changes, in one process."""

    clip: CLIP
    encoders: nn.Module  # around the clip, wrapped by DDP or FSDP where there are more processes
    optimizer: Optimizer
    scaler: torch.amp.GradScaler
    world: World
    identity: str  # of recipe, seed and vocabulary


def save_checkpoint(out: Path, trainee: Trainee, state: RunState) -> None:
    """Write the checkpoint beside the old one and swap it in, so that a kill leaves one of the two.

    Every process must call it; the first one writes `checkpoint.pt`.
    """
    content: dict[str, Any] = {"identity": trainee.identity, "step": state.step, "history": state.history}
    if trainee.scaler.is_enabled():
        content["scaler"] = trainee.scaler.state_dict()
    if is_sharded(trainee.encoders):
        content["shards"] = SHARDS.format(step=state.step)
        model, optimizer = get_state_dict(trainee.encoders, trainee.optimizer)
        save_shards({"model": model, "optimizer": optimizer}, checkpoint_id=out / content["shards"])
    elif trainee.world.is_first:
        content |= {"model": trainee.clip.state_dict(), "optimizer": trainee.optimizer.state_dict()}
    if trainee.world.is_first:
        _swap_in(out / CHECKPOINT_FILE, content)
        for folder in out.glob(SHARDS.format(step="*")):
            if folder.name != content.get("shards"):
                shutil.rmtree(folder)
    trainee.world.wait()


def _swap_in(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load_checkpoint(out: Path, trainee: Trainee) -> RunState:
    """Continue the run in a folder, or begin one where there is none.

    A sharded checkpoint can be continued by any number of processes, sharded or not.

    Raises
    ------
    UserError
        The checkpoint is unreadable, another recipe or seed began it, or it is not sharded and this run is.
    """
    path = out / CHECKPOINT_FILE
    if not path.exists():
        return RunState(step=0, history=[])
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
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
        raise UserError(f"{path} was not sharded", remedy="go on with `sharded: false`")
    else:
        trainee.clip.load_state_dict(content["model"])
        trainee.optimizer.load_state_dict(content["optimizer"])
    if "scaler" in content:
        trainee.scaler.load_state_dict(content["scaler"])
    return RunState(step=content["step"], history=content["history"])


def _load_shards(folder: Path, trainee: Trainee) -> None:
    if not folder.is_dir():
        raise UserError(
            f"{folder}: the weights that {CHECKPOINT_FILE} names are not there", remedy="restore the folder"
        )
    states: Any = get_state_dict(trainee.encoders, trainee.optimizer)
    model, optimizer = states
    moments = {
        name: {key: value if key == "step" else _as_sharded(name, value) for key, value in state.items()}
        for name, state in optimizer["state"].items()
    }
    weights = {name: _as_sharded(name, tensor) for name, tensor in model.items()}
    content = {"model": weights, "optimizer": {**optimizer, "state": moments}}
    load_shards(content, checkpoint_id=folder, no_dist=not dist.is_initialized())
    set_state_dict(trainee.encoders, trainee.optimizer, model_state_dict=model, optim_state_dict=optimizer)


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
    clip = CLIP(trainee.clip.config).to(trainee.world.device)
    clip.load_state_dict(weights)
    return clip
