"""The parts of a block are timed at the tower's shapes, and their operations counted."""

from __future__ import annotations

from benchmarks.tower_parts import LENGTH, WIDTH, linear, timed


def test_operations_of_a_layer_and_a_median_a_job() -> None:
    call, operations = linear(2 * LENGTH, WIDTH, 3 * WIDTH)
    assert operations == 2 * 100 * 768 * 2304  # a multiplication and an addition each
    seconds = timed({"layer": (call, operations), "nothing": (lambda: None, 0.0)}, rounds=3)
    assert seconds["layer"] > seconds["nothing"] >= 0
