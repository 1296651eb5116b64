"""The simulation of retrained no-ops: gaps vary as it says, and p is that of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.comparison.run_changes import run_change_table
from benchmarks.retrained_noop import (
    IMAGES,
    RATE,
    answers,
    by_images,
    invented_labels,
    judged,
    simulate,
    training_runs,
)


@pytest.mark.parametrize("spread", [0.0, 0.085])
def test_gaps_of_runs_vary_by_the_spread(spread: float) -> None:
    tone = np.where(np.arange(IMAGES) % 3 == 0, "dark", "light")
    labels = pd.DataFrame({"cluster": np.arange(IMAGES), "tone": tone})
    runs = np.stack(list(training_runs(np.random.default_rng(0), 400, spread=spread, labels=labels)))
    dark, light = runs[:, tone == "dark"].mean(axis=1), runs[:, tone == "light"].mean(axis=1)
    assert runs.mean() == pytest.approx(RATE, abs=0.03)
    gap = dark - light
    # Runs err on images of their own as well, which adds little to 200 and 400 images.
    assert gap.std() == pytest.approx(np.hypot(spread, 0.019), abs=0.012)


def test_the_short_way_gives_the_p_of_the_table() -> None:
    rng = np.random.default_rng(1)
    labels = invented_labels(rng)
    for runs in (2, 3):
        events = np.stack(list(training_runs(rng, 2 * runs, spread=0.05, labels=labels)))
        every = [answers(own, labels) for own in events]
        table = run_change_table(every[:runs], every[runs:])
        (row,) = table[table["reference"] != ""].to_dict("records")
        assert judged(events, labels, runs) == pytest.approx(row["p"])


def test_no_change_is_counted() -> None:
    found = simulate(3, spread=0.085, simulations=60)
    assert found["no change, %"] >= 88 and found["simulations"] == 60  # 95 % of 60, less three errors
    assert by_images(spread=0.085, simulations=2)["judged from"] == "1 run, by images alone"
