"""Other implementations of CLIP, for tests of parity and for benchmarks; the package never imports them.

open_clip needs torchvision, of which there is no build for a CPU-only torch. Its CUDA build works for what
is needed here (transforms of images, models without detection) once the operators it lacks are passed over.
`make peers` puts it into build/peers, out of the way of transformers, which would trip over it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "build" / "peers"


def import_peer(name: str) -> ModuleType:
    """Import open_clip, timm, torchvision or transformers, or a module in them.

    Raises
    ------
    ImportError
        It is not installed; requirements-peers.txt says how.
    """
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
        importlib.invalidate_caches()
    # open_clip switches the threads of the tokenizers library off for the whole process.
    with (
        mock.patch.dict(os.environ),
        mock.patch.object(torch.library, "register_fake", _register_what_is_there),
    ):
        for needed in ("torchvision", name):
            try:
                module = importlib.import_module(needed)
            except ModuleNotFoundError:
                if needed == name:
                    raise
    return module


def peer_or_skip(name: str) -> ModuleType:
    """`import_peer` for a test: skips it, with the reason, where the peer is not installed."""
    try:
        return import_peer(name)
    except ImportError as error:
        pytest.skip(f"{name} is not installed (requirements-peers.txt): {error}")


_register_fake = torch.library.register_fake


def _register_what_is_there(*args: Any, **kwargs: Any) -> Callable[[Callable], Callable]:
    """torch.library.register_fake that passes over an operator its library does not have."""
    decorate = _register_fake(*args, **kwargs)

    def register(function: Callable) -> Callable:
        try:
            return decorate(function)
        except RuntimeError as error:
            if "does not exist" not in str(error):
                raise
            return function

    return register
