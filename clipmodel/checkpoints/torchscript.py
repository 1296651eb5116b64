"""Weights of a TorchScript archive, as OpenAI published its models, without running anything in it.

The archive is a zip file. data.pkl is a pickle of the modules as nested attributes; its classes are
TorchScript, whose source, under code/, says which attributes are parameters and buffers.
`torch.jit.load` would compile that source and run the `__setstate__` functions in it.
"""

from __future__ import annotations

import collections
import io
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._utils import _rebuild_tensor_v2

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


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip file with a code folder."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
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
        return dict(_tensors(module, archive, root, prefix=""))


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self._archive, self._root = archive, root
        self._storages: dict[str, torch.UntypedStorage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return type(name, (_ScriptModule,), {"script_class": (module, name)})
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor_v2
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch.jit._pickle" and name.startswith("build_"):
            return list  # typed lists of plain values
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a model's weights")

    def persistent_load(self, pid: Any) -> Any:
        _, dtype, key, _, _ = pid
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._root}/data/{key}"))
            self._storages[key] = torch.frombuffer(content, dtype=torch.uint8).untyped_storage()
        return torch.storage.TypedStorage(wrap_storage=self._storages[key], dtype=dtype, _internal=True)


def _tensors(
    module: _ScriptModule, archive: zipfile.ZipFile, root: str, *, prefix: str
) -> Iterator[tuple[str, Tensor]]:
    kept = _declared(archive, root, module.script_class)
    for name, value in vars(module).items():
        if isinstance(value, _ScriptModule):
            yield from _tensors(value, archive, root, prefix=f"{prefix}{name}.")
        elif isinstance(value, Tensor) and name in kept:
            yield prefix + name, value


def _declared(archive: zipfile.ZipFile, root: str, script_class: tuple[str, str]) -> set[str]:
    """The attributes that a TorchScript class declares as parameters or buffers."""
    module, name = script_class
    source = archive.read(f"{root}/code/{module.replace('.', '/')}.py").decode()
    lists = r"\(Module\):\n\s+__parameters__ = \[(.*)\]\n(?:\s+__buffers__ = \[(.*)\]\n)?"
    head = re.search(rf"^class {re.escape(name)}{lists}", source, re.MULTILINE)
    if head is None:
        raise KeyError(f"the source of {module}.{name}")
    return set(re.findall(r'"([^"]*)"', "".join(group or "" for group in head.groups())))
