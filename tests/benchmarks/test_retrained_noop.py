"""The simulation of retrained no-ops: its gaps vary as they say, and few runs give counts of every effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.comparison.run_changes import NOT_JUDGED
from benchmarks.retrained_noop import IMAGES, RATE, simulate, training_runs


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


def test_one_run_is_not_judged_and_several_are_counted() -> None:
    one = simulate(1, spread=0.085, simulations=3)
    assert one[NOT_JUDGED] == 3 and one["no change or not judged"] == "100.0 %"
    several = simulate(3, spread=0.085, simulations=3)
    assert several[NOT_JUDGED] == 0
    assert sum(several[name] for name in ("narrower", "wider", "not shown")) == 3
