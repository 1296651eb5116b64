"""Weights of a TorchScript archive, as OpenAI published its models, without running anything in it.

The archive is a zip file. data.pkl is a pickle of the modules as nested attributes; its classes are
TorchScript, whose source, under code/, says which attributes are parameters and buffers.
`torch.jit.load` would compile that source and run the `__setstate__` functions in it.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._utils import _rebuild_tensor_v2

from clipmodel.checkpoints.archives import read_entry, require_sane_archive
from clipmodel.errors import UserError

MAX_DEPTH, MAX_DIMENSIONS = 32, 8  # of nested modules and of a tensor: a CLIP has 6 and 4
_DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
}


class _ScriptModule:
    """A module's attributes; `script_class` is the name of its TorchScript class."""

    script_class: tuple[str, str]

    def __setstate__(self, state: Any) -> None:
        """The attributes: the only thing that a pickle's BUILD may do, and to these objects alone."""
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise pickle.UnpicklingError(f"the attributes of {self.script_class[1]} are no mapping")
        vars(self).update(state)


class _NoAttributes:
    """A BUILD on one of these is refused: neither lists nor dictionaries nor types have attributes to set."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"it sets attributes of a {type(self).__name__}")


class _List(_NoAttributes, list[Any]):
    """TorchScript's typed lists of plain values."""


# Parts of torch that have no types.
_REBUILD: Callable[..., Tensor] = _rebuild_tensor_v2
_TYPED_STORAGE: Callable[..., torch.storage.TypedStorage] = torch.storage.TypedStorage
_SIZE_OF: Callable[[torch.storage.TypedStorage], int] = torch.storage.TypedStorage._size


class _Dict(_NoAttributes, collections.OrderedDict[Any, Any]):
    """Backward hooks, of which a saved module has none."""


@dataclass(frozen=True)
class _Storage:
    """The name of a storage's type; a class of torch's own would let a BUILD change torch."""

    dtype: torch.dtype

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets attributes of a storage")


class _Rebuild:
    """Stands for torch's function that makes a tensor: a function takes attributes, this does not."""

    def __call__(self, *args: Any) -> Tensor:
        return _rebuilt(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets attributes of a function")


def _rebuilt(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A tensor on a storage that holds all of it, once."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise pickle.UnpicklingError("a tensor without a storage")
    # bool is a kind of int in Python, and a negative stride or offset would read before the storage.
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(number) is int and number >= 0 for number in numbers):
        raise UserError("a tensor with impossible sizes")
    if len(size) > MAX_DIMENSIONS or math.prod(size) > _SIZE_OF(storage) - offset:
        raise UserError(f"a tensor of shape {tuple(size)}, and the file does not hold that much")
    return _REBUILD(storage, offset, tuple(size), tuple(stride), False, {})


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip file with a code folder.

    Raises
    ------
    UserError
        See `require_sane_archive`.
    """
    require_sane_archive(path)
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        # A state dict of torch.save is a zip file too, without code.
        return any("/code/" in name for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers, by the names that `state_dict()` of the loaded module would give them.

    Raises
    ------
    pickle.UnpicklingError
        The archive refers to something that is neither a tensor nor a TorchScript module.
    zipfile.BadZipFile, KeyError
        The archive is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        module = _Reader(archive, root).load()
        if not isinstance(module, _ScriptModule):
            raise pickle.UnpicklingError("it holds no module")
        return dict(_tensors(module, archive, root, prefix="", depth=0))


class _Reader(pickle._Unpickler):
    """Python's own reader in Python: the one in C makes a list as long as the highest number that is given to
    an object, which six bytes of a damaged file can set to 16 GB.
    """

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(read_entry(archive, f"{root}/data.pkl")))
        self._archive, self._root = archive, root
        self._storages: dict[str, torch.UntypedStorage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            if not re.fullmatch(r"\w+", name) or not re.fullmatch(r"[\w.]+", module):
                raise pickle.UnpicklingError(f"{module}.{name} is no name of a class")
            # Only a name: nothing of the archive's code is imported or run.
            return type(name, (_ScriptModule,), {"script_class": (module, name)})
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if (module, name) == ("collections", "OrderedDict"):
            return _Dict
        if module == "torch" and name in _DTYPES:
            return _Storage(_DTYPES[name])
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return _List
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a model's weights")

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) != 5:
            raise pickle.UnpicklingError("a storage of an unknown kind")
        # The tuple is ("storage", type, key, device, elements); the device is of no matter on the CPU.
        _, storage, key, _, _ = pid
        if not isinstance(storage, _Storage) or not isinstance(key, str):
            raise pickle.UnpicklingError("a storage of an unknown kind")
        if key not in self._storages:
            content = bytearray(read_entry(self._archive, f"{self._root}/data/{key}"))
            # frombuffer refuses an empty buffer.
            values = torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0)
            self._storages[key] = values.untyped_storage()
        # The same storage for the same key: tied weights stay tied, and are held once.
        return _TYPED_STORAGE(wrap_storage=self._storages[key], dtype=storage.dtype, _internal=True)


def _tensors(
    module: _ScriptModule, archive: zipfile.ZipFile, root: str, *, prefix: str, depth: int
) -> Iterator[tuple[str, Tensor]]:
    if depth > MAX_DEPTH:
        raise pickle.UnpicklingError("its modules are nested in a circle")
    # A module also holds plain attributes that are tensors, such as masks; a state dict has only what its
    # class declares.
    kept = _declared(archive, root, module.script_class)
    for name, value in vars(module).items():
        if isinstance(value, _ScriptModule):
            yield from _tensors(value, archive, root, prefix=f"{prefix}{name}.", depth=depth + 1)
        elif isinstance(value, Tensor) and name in kept:
            yield prefix + name, value


def _declared(archive: zipfile.ZipFile, root: str, script_class: tuple[str, str]) -> set[str]:
    """The attributes that a TorchScript class declares as parameters or buffers."""
    # Read as text, never compiled.
    module, name = script_class
    source = read_entry(archive, f"{root}/code/{module.replace('.', '/')}.py").decode()
    lists = r"\(Module\):\n\s+__parameters__ = \[(.*)\]\n(?:\s+__buffers__ = \[(.*)\]\n)?"
    head = re.search(rf"^class {re.escape(name)}{lists}", source, re.MULTILINE)
    if head is None:
        raise KeyError(f"the source of {module}.{name}")
    return set(re.findall(r'"([^"]*)"', "".join(group or "" for group in head.groups())))
