"""Tensors from files, safely and without holding them twice: safetensors, torch's own, sharded folders."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from clipmodel.checkpoints.archives import require_sane_archive
from clipmodel.checkpoints.torchscript import read_torchscript
from clipmodel.checkpoints.weight_names import TensorSource
from clipmodel.errors import UserError, damage_told_by

WHOLE_FILE = "restore the file, or download it again"
MAX_JSON_BYTES = 32 * 2**20  # an index of all shards of the largest models has 1 MB
MAX_HEADER_BYTES = 16 * 2**20  # of a safetensors file: some 100,000 tensors


def open_safetensors(path: Path) -> tuple[TensorSource, dict[str, str]]:
    """The tensors of a safetensors file and its metadata.

    Each tensor is copied out of a mapping of its own, so that what has been read costs its size once and
    does not change when the file does.

    Raises
    ------
    UserError
        The file is damaged, or its header larger than that of any model.
    """
    try:
        # The format's first 8 bytes are the header's length, little endian; safetensors itself allows 100 MB.
        with path.open("rb") as head:
            length = int.from_bytes(head.read(8), "little")
        if length > MAX_HEADER_BYTES:
            raise UserError(f"{path}: a header of {length:,} bytes", remedy=WHOLE_FILE)
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: {damage_told_by(error)}", remedy=WHOLE_FILE) from error

    def read(name: str) -> Tensor:
        try:
            with safe_open(path, framework="pt") as file:
                # Cloned: a tensor that stays mapped would read other bytes if the file is replaced.
                tensor: Tensor = file.get_tensor(name).clone()
        except (SafetensorError, OSError, RuntimeError, ValueError) as error:
            raise UserError(f"{path}: {name}: {damage_told_by(error)}", remedy=WHOLE_FILE) from error
        return tensor

    return TensorSource(str(path), shapes, read), metadata


def load_tensors_only(path: Path) -> Any:
    """What `torch.save` wrote, if it is tensors and plain values; a pickle with code in it is refused.

    Raises
    ------
    UserError
        The file is damaged, declares more than it holds, or holds anything else.
    """
    require_sane_archive(path)
    try:
        try:
            # Mapped, so that weights which are converted one by one are not in memory twice.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:
            # torch's format before 1.6 cannot be mapped; a damaged file fails here once more.
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it holds {found[1]}" if found else "it is damaged, or no file of weights"
        raise UserError(
            f"{path}: refused, {reason}", remedy="only tensors are read; use a safetensors file"
        ) from error
    except Exception as error:  # a damaged pickle makes torch's reader raise what it pleases
        raise UserError(
            f"{path}: damaged, or no file of weights ({damage_told_by(error)})", remedy=WHOLE_FILE
        ) from error


def load_torchscript(path: Path) -> dict[str, Tensor]:
    """The weights of a TorchScript archive, or a UserError that says what is wrong with it."""
    try:
        return read_torchscript(path)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, {error}", remedy="use an archive as OpenAI published it"
        ) from error
    except Exception as error:  # as above: the pickle's operations run on whatever the damage made
        raise UserError(f"{path}: damaged archive ({damage_told_by(error)})", remedy=WHOLE_FILE) from error


def open_folder(folder: Path, *, prefix: str = "") -> TensorSource:
    """The tensors of a transformers folder: one file or several with an index, safetensors first.

    open_clip puts a prefix before the names of the files.
    """
    # safetensors first: a .bin is a pickle.
    for single in (f"{prefix}model.safetensors", f"{prefix}pytorch_model.bin"):
        if (folder / single).is_file():
            return _open(folder / single)
        index = folder / f"{single}.index.json"
        if index.is_file():
            return _open_shards(index)
    raise UserError(f"{folder}: no {prefix}model.safetensors", remedy="point to a complete model folder")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or a UserError that names the file: damaged, too large or nested too deep."""
    values = _read_json(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a JSON object", remedy=WHOLE_FILE)
    return values


def read_json_list(path: Path) -> list[Any]:
    """A JSON list, or a UserError as for `read_json`."""
    values = _read_json(path)
    if not isinstance(values, list):
        raise UserError(f"{path}: expected a JSON list", remedy=WHOLE_FILE)
    return values


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UserError(f"{path}: more than {MAX_JSON_BYTES:,} bytes of JSON", remedy=WHOLE_FILE)
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise UserError(f"{path}: nested too deep", remedy=WHOLE_FILE) from error
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}", remedy=WHOLE_FILE) from error


def require_tensors(values: Any, *, where: str) -> dict[str, Tensor]:
    """A mapping of names to tensors that the file holds in full, or a UserError."""
    if not isinstance(values, dict) or not values:
        raise UserError(f"{where}: no state dict in it", remedy="use a checkpoint of a CLIP")
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(f"{where}: {name!r} is no tensor", remedy="use a checkpoint of a CLIP")
        # A view with a stride of zero costs the file nothing and the reader its whole size.
        dense = value.layout == torch.strided and value.device.type == "cpu"
        if not dense or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise UserError(
                f"{where}: {name} has shape {tuple(value.shape)}, and the file does not hold that much",
                remedy=WHOLE_FILE,
            )
    return values


def _open(path: Path) -> TensorSource:
    if path.suffix == ".safetensors":
        return open_safetensors(path)[0]
    content = load_tensors_only(path)
    wrapped = isinstance(content, dict) and isinstance(content.get("state_dict"), dict)
    tensors = require_tensors(content["state_dict"] if wrapped else content, where=str(path))
    return TensorSource.of(tensors, where=str(path))


def _open_shards(index: Path) -> TensorSource:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise UserError(f"{index}: no weight_map", remedy=WHOLE_FILE)
    # The name alone: an index must not reach files outside its folder.
    shards = {name: index.parent / Path(name).name for name in set(places.values())}
    for path in shards.values():
        if not path.is_file():
            raise UserError(f"{index}: its part {path.name} is missing", remedy="restore the file")
    sources = {name: _open(path) for name, path in shards.items()}
    for tensor, shard in places.items():
        if tensor not in sources[shard].shapes:
            raise UserError(
                f"{shards[shard]}: no {tensor}, which {index.name} places there", remedy=WHOLE_FILE
            )
    shapes = {tensor: sources[shard].shapes[tensor] for tensor, shard in places.items()}
    return TensorSource(str(index.parent), shapes, lambda name: sources[places[name]].read(name))
