"""Print the public API: every name that a package states in `__all__`, with its signature.

python -m scripts.public_api > tests/public_api.txt
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

FACES = (
    "clipmodel", "clipmodel.errors", "clipmodel.loading", "clipmodel.losses", "clipmodel.checkpoints",
    "clipmodel.curation", "probes", "probes.datasets", "probes.records", "audit", "audit.fairlearn_bridge",
    "audit.figures", "audit.report",
)  # fmt: skip
"""The modules whose names users may rely on; the rest is free to change."""


def public_api() -> list[str]:
    """A line per name, and a line per member of a class, in alphabetical order within each module."""
    return [line for face in FACES for line in _of_module(face)]


def _of_module(face: str) -> Iterator[str]:
    module = importlib.import_module(face)
    for name in sorted(module.__all__):
        yield from described(f"{face}.{name}", getattr(module, name))


def described(path: str, value: Any) -> Iterator[str]:
    """A name of the API as its lines.

    Examples
    --------
    >>> list(described("m.half", half))  # def half(x: float) -> float
    ['m.half(x: float) -> float']
    """
    if inspect.isclass(value):
        yield f"class {path}{_signature(value.__init__) if _writes_init(value) else ''}"
        # Fields of data classes and typed dictionaries need not have a value.
        fields = inspect.get_annotations(value)
        for name in sorted(name for name in {*fields, *vars(value)} if not name.startswith("_")):
            yield from _of_member(
                f"{path}.{name}", inspect.getattr_static(value, name, None), fields.get(name)
            )
    elif inspect.isfunction(value):
        yield f"{path}{_signature(value)}"
    else:
        yield f"{path}: {value!r}" if hasattr(value, "__origin__") else f"{path}: {type(value).__name__}"


def _writes_init(kind: type) -> bool:
    return (
        "__init__" in vars(kind) and not dataclasses.is_dataclass(kind) and not hasattr(kind, "_is_protocol")
    )


def _of_member(path: str, member: Any, annotation: Any) -> Iterator[str]:
    if isinstance(member, staticmethod | classmethod):
        yield f"{path}{_signature(member.__func__)}"
    elif inspect.isfunction(member):
        yield f"{path}{_signature(member)}"
    elif annotation is not None:
        yield f"{path}: {annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)}"
    else:
        yield path


class _AsWritten:
    """An annotation that prints without the quotes of a string."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation

    def __repr__(self) -> str:
        own = self.annotation
        return own if isinstance(own, str) else inspect.formatannotation(own)


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    empty = inspect.Signature.empty
    parameters = [
        one if one.annotation is empty else one.replace(annotation=_AsWritten(one.annotation))
        for one in signature.parameters.values()
    ]
    returned = signature.return_annotation
    return str(
        signature.replace(
            parameters=parameters, return_annotation=empty if returned is empty else _AsWritten(returned)
        )
    )


if __name__ == "__main__":
    print("\n".join(public_api()))
