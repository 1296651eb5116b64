"""Which state dict of a training checkpoint is the model's, and what `torch.save` keeps beside one."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from clipmodel.checkpoints import Weights
from clipmodel.errors import UserError

# By open_clip, timm, Lightning, and the names most training scripts give them.
PLAIN = ("state_dict", "model_state_dict", "model")
EMA = ("state_dict_ema", "ema_state_dict", "model_ema_state_dict", "model_ema", "ema_model", "ema")
OPENAI_NOTE = "openai"
_KEY = "clip_audit_format"


def choose_state_dict(content: Any, weights: Weights | None, *, where: str) -> tuple[Any, str | None]:
    """The weights that were asked for, and what other ones the file holds.

    Parameters
    ----------
    content
        What `torch.save` wrote: a state dict, or a mapping with one or two in it.
    weights
        None takes the plain ones, and warns if there is a moving average beside them.
    where
        The file, for messages.

    Raises
    ------
    UserError
        There are none of the kind asked for.
    """
    found = {
        kind: next((content[name] for name in names if _holds_tensors(content.get(name))), None)
        for kind, names in (("plain", PLAIN), ("ema", EMA))
        if isinstance(content, dict)
    }
    plain, ema = found.get("plain"), found.get("ema")
    if plain is None and isinstance(content, dict) and "state_dict" in content:
        plain = content["state_dict"]  # what is wrong with it is said by whoever reads it
    if plain is None and ema is None:
        plain = content
    if weights == "ema":
        if ema is None:
            raise UserError(f"{where}: no EMA weights in it", remedy="leave --weights out")
        return ema, None if plain is None else "plain"
    if plain is None:
        raise UserError(f"{where} holds EMA weights alone", remedy="say --weights ema")
    if ema is not None and weights is None:
        warnings.warn(
            f"{where} holds EMA weights beside the plain ones, which are used; --weights ema takes those",
            stacklevel=2,
        )
    return plain, None if ema is None else "ema"


def _holds_tensors(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    # A training checkpoint also has "model" keys that hold a name or a configuration.
    return all(isinstance(item, Tensor) for item in value.values())


def noted_state_dict(weights: Mapping[str, Tensor], note: str) -> OrderedDict[str, Tensor]:
    """A state dict with a note where torch keeps the versions of modules: other readers pass over it."""
    noted = OrderedDict(weights)
    # load_state_dict reads only "version" from it, and torch.save keeps it.
    noted._metadata = {"": {"version": 1, _KEY: note}}  # type: ignore[attr-defined]
    return noted


def state_dict_note(state_dict: Any) -> str | None:
    """What `noted_state_dict` noted; None if nothing is."""
    metadata = getattr(state_dict, "_metadata", None)
    root = metadata.get("") if isinstance(metadata, dict) else None
    return root.get(_KEY) if isinstance(root, dict) else None
