"""Checkpoints that are either whole or absent, and the run they belong to."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from clipmodel.errors import UserError
from clipmodel.model import CLIP

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass
class RunState:
    """What a run needs to go on: data and augmentation follow from the seed and the step."""

    step: int  # steps done
    history: list[dict[str, float]]  # one entry a logged step


def save_checkpoint(out: Path, clip: CLIP, optimizer: Optimizer, state: RunState, *, identity: str) -> None:
    """Write the checkpoint beside the old one and swap it in, so that a kill leaves one of the two."""
    content = {
        "identity": identity,
        "model": clip.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": state.step,
        "history": state.history,
    }
    draft = out / f"{CHECKPOINT_FILE}.draft"
    with draft.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(out / CHECKPOINT_FILE)


def load_checkpoint(out: Path, clip: CLIP, optimizer: Optimizer, *, identity: str) -> RunState:
    """Continue the run in a folder, or begin one where there is none.

    Raises
    ------
    UserError
        The checkpoint is unreadable, or another recipe or seed began it.
    """
    path = out / CHECKPOINT_FILE
    if not path.exists():
        return RunState(step=0, history=[])
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True)
    except (RuntimeError, EOFError, OSError, LookupError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{path}: unreadable checkpoint ({error})", remedy="delete it, or use another --out"
        ) from error
    if content["identity"] != identity:
        raise UserError(
            f"{out} holds a run of another recipe or seed", remedy="use another --out, or delete the folder"
        )
    clip.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    return RunState(step=content["step"], history=content["history"])
