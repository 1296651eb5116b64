"""What an audit asks: suites of probes, data sets of people, scoring into counts."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes.datasets import load_dataset
    from probes.runner import run_suite
    from probes.suite.suite import load_suite

__all__ = ["load_dataset", "load_suite", "run_suite"]

_HOMES = {"load_dataset": "probes.datasets", "load_suite": "probes.suite.suite", "run_suite": "probes.runner"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `probes.records` and `probes.suite.suite` load without torch.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
