"""A model of the user's own by the name of a function that makes it: module:factory.

Naming one runs its code, as importing any module does.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
import sys
from pathlib import Path
from typing import Any

from clipmodel.errors import UserError
from clipmodel.loading.embedding_model import EmbeddingModel

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_VALUES = ("name", "embed_dim", "fingerprint", "preprocess_id", "logit_scale", "logit_bias")
_CALLS = ("preprocess", "encode_image", "encode_text")


def is_factory(spec: str) -> bool:
    """Whether a model's name is MODULE:FACTORY, and no file of that name exists."""
    return bool(_NAME.fullmatch(spec)) and not Path(spec).exists()


def load_own_model(spec: str, *, device: str) -> EmbeddingModel:
    """Import a module, from the current folder too, and call a function of it, or a class.

    Parameters
    ----------
    spec
        "module:factory". The factory takes nothing, or a keyword `device`.
    device
        The torch device of the run, for a factory that takes it.

    Raises
    ------
    UserError
        There is no such module or factory, it needs arguments, or what it gives is no `EmbeddingModel`. An
        error in the user's own code keeps its traceback.

    Examples
    --------
    >>> load_own_model("examples.own_model:ColourModel", device="cpu").embed_dim
    3
    """
    module_name, _, path = spec.partition(":")
    target: Any = _imported(module_name, spec)
    for part in path.split("."):
        if not hasattr(target, part):
            raise UserError(f"{spec}: {module_name} has no {part}", remedy="name a function or class in it")
        target = getattr(target, part)
    # A class or function makes the model; an object that is one already is taken as it is.
    is_model = not inspect.isclass(target) and not _lacks(target)
    model: EmbeddingModel = target if is_model or not callable(target) else _made(target, device, spec)
    _require_protocol(model, spec)
    return model


def _made(factory: Any, device: str, spec: str) -> Any:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # a callable without a signature
        return factory()
    given = {"device": device} if "device" in signature.parameters else {}
    try:
        signature.bind(**given)
    except TypeError as error:  # before the call: a TypeError of the user's own code keeps its traceback
        raise UserError(
            f"{spec} cannot be called without arguments: {error}",
            remedy="name a function that takes none, or 'device' alone, and gives the model",
        ) from error
    return factory(**given)


def _imported(name: str, spec: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        # An installed command has the folder of its script first on the path, not the user's.
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):  # not one that the user's module imports
            raise UserError(
                f"{spec}: no module {error.name!r}", remedy=f"run in its folder ({here} is), or install it"
            ) from error
        raise


def _lacks(model: Any) -> list[str]:
    return [name for name in (*_VALUES, *_CALLS) if not hasattr(model, name)]


def _require_protocol(model: Any, spec: str) -> None:
    lacking = _lacks(model) + [name for name in _CALLS if not callable(getattr(model, name, None))]
    if lacking:
        raise UserError(
            f"{spec} gives a {type(model).__name__} without {', '.join(dict.fromkeys(lacking))}",
            remedy="see clipmodel.loading.EmbeddingModel, or examples/own_model.py",
        )
    for name in ("name", "fingerprint", "preprocess_id"):
        if not isinstance(getattr(model, name), str) or not getattr(model, name):
            raise UserError(f"{spec}: {name} must be a text", remedy="embeddings are stored under it")
    scale, bias = model.logit_scale, model.logit_bias
    if not _is_number(scale) or not scale > 0:
        raise UserError(
            f"{spec}: logit_scale is {scale!r}, expected a number above 0",
            remedy="give the multiplier on cosine similarities, exp of the learned parameter",
        )
    if bias is not None and not _is_number(bias):
        raise UserError(f"{spec}: logit_bias is {bias!r}, expected None or a number", remedy="correct it")
    if isinstance(model.embed_dim, bool) or not isinstance(model.embed_dim, int) or model.embed_dim < 1:
        raise UserError(
            f"{spec}: embed_dim is {model.embed_dim!r}, expected a whole number", remedy="correct it"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
