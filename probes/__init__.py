"""What an audit asks: suites of probes, data sets of people, scoring into counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipmodel.lazy_names import lazy_names

if TYPE_CHECKING:
    from probes.datasets import load_dataset
    from probes.runner import run_suite
    from probes.suite.suite import load_suite

__all__ = ["load_dataset", "load_suite", "run_suite"]

# `probes.records` and `probes.suite.suite` load without torch.
__getattr__, __dir__ = lazy_names(
    __name__,
    {"load_dataset": "probes.datasets", "load_suite": "probes.suite.suite", "run_suite": "probes.runner"},
)
