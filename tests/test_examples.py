"""The examples in docstrings of the public API do what they say."""

from __future__ import annotations

import doctest
import importlib
import sys

import pytest

WITH_EXAMPLES = (
    "clipmodel.loading.single_entry", "clipmodel.losses", "probes.datasets", "probes.suite.suite",
    "audit.fairlearn_bridge",
    "audit.formatting", "audit.report.components", "audit.report.packing", "audit.conclusions.gates",
    "audit.statistics.always_valid", "probes.planning.population_weights",
)  # fmt: skip


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module(name: str) -> None:
    module = importlib.import_module(name)
    done = doctest.testmod(module if module.__name__ == name else sys.modules[name])
    assert done.attempted > 0
    assert done.failed == 0
