"""Names of a package that are loaded on first use (PEP 562), so that importing it is quick, without torch.

The console script imports this before it can answer Ctrl-C, so no module but `sys` is imported at the top.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose public names live in modules that it does not load.

    Parameters
    ----------
    package
        Its `__name__`.
    homes
        Public name -> the module that defines it.

    Returns
    -------
    `__getattr__` loads the module of a name; AttributeError for a name without one. `__dir__` lists what the
    package holds, and the names that it would load.

    Examples
    --------
    >>> __getattr__, __dir__ = lazy_names("clipmodel", {"load_model": "clipmodel.loading"})
    >>> __getattr__("load_model").__name__
    'load_model'
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(homes[name]), name)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return load, listed
