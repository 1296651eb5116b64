from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probes.rules import argmax, calibrated, cosine, probability, top_k
from probes.rules.assignment_rule import AssignmentRule, Thresholds


@pytest.mark.parametrize(
    ("thresholds", "inside", "outside", "words"),
    [
        (probability.THRESHOLDS, [0, 0.5, 1], [-0.1, 1.01, np.nan], "from 0 to 1"),
        (cosine.THRESHOLDS, [-1, 0, 1], [-1.5, 2], "from -1 to 1"),
        (top_k.THRESHOLDS, [1, 5, 1000], [0, 2.5], "whole numbers from 1"),
        (calibrated.THRESHOLDS, [0.01, 0.99], [0, 1], "between 0 and 1"),
    ],
)
def test_the_range_of_thresholds(
    thresholds: Thresholds, inside: list[float], outside: list[float], words: str
) -> None:
    assert thresholds.contains(np.array(inside, float)).all()
    assert not thresholds.contains(np.array(outside, float)).any()
    assert thresholds.contains(np.array([thresholds.example])).all()
    assert thresholds.range_words == words


def test_thresholds_go_from_the_one_that_most_images_reach() -> None:
    assert probability.THRESHOLDS.ordered([0.5, 0.1]).tolist() == [0.1, 0.5]
    assert top_k.THRESHOLDS.ordered([1, 5]).tolist() == [5, 1]
    assert calibrated.THRESHOLDS.ordered([0.01, 0.1]).tolist() == [0.1, 0.01]


def test_an_example_for_a_suite() -> None:
    assert top_k.RULE.example == "rule_thresholds: {top_k: [5]}\nprobes:\n  - rules: [top_k]\n"
    assert argmax.RULE.example == "probes:\n  - rules: [argmax]\n"


def test_the_records_load_without_torch() -> None:
    code = "import probes.rules.rule_registry, sys; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "'mine' needs `ranks` or `assigned`"),
        ({"ranks": probability.ranks, "assigned": argmax.assigned}, "and not both"),
        ({"assigned": argmax.assigned, "thresholds": cosine.THRESHOLDS}, "can have no thresholds"),
    ],
)
def test_a_rule_has_either_ranks_or_the_one_class(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AssignmentRule(name="mine", meaning="", words="", **more)
    assert argmax.RULE.one_class and not probability.RULE.one_class
