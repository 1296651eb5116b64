"""Intervals of metrics by group: the bootstrap of counts beside fairlearn's, and counting a hundred million
rows.

Equal work: 100,000 rows, 14 groups, accuracy, selection rate and true positive rate of every group, each with
the 2.5 % and 97.5 % quantiles of 1,000 replicates that draw the rows anew. Ours begins with the rows, too.
fairlearn runs few replicates, and its time for 1,000 is scaled from the difference between two numbers of
them, in which what does not depend on their number cancels.

    python -m benchmarks.bootstrap_speed
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score

from audit.statistics.bootstrap import percentile_interval, resample_rows
from benchmarks.code_counts import count_codes

GROUPS, ROWS, REPLICATES = 14, 100_000, 1_000
SCORED = 100_000_000


def rows(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of group, truth and prediction."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, n, dtype=np.int8)
    truth = (rng.random(n, dtype=np.float32) < 0.3).astype(np.int8)
    wrong = rng.random(n, dtype=np.float32) < 0.1 + 0.01 * group
    return group, truth, np.where(wrong, 1 - truth, truth).astype(np.int8)


def ours(group: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Limits [2, 3 metrics, G]."""
    drawn = resample_rows(
        count_codes((group, truth, prediction), (GROUPS, 2, 2)), replicates=REPLICATES, seed=1
    )
    n, positive = drawn.sum(axis=(2, 3)), drawn[:, :, 1].sum(axis=2)
    metrics = [
        (drawn[:, :, 0, 0] + drawn[:, :, 1, 1]) / n,
        drawn[:, :, :, 1].sum(axis=2) / n,
        drawn[:, :, 1, 1] / positive,
    ]
    return np.stack([percentile_interval(metric) for metric in metrics], axis=1)


def theirs(group: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, replicates: int) -> np.ndarray:
    """The same of fairlearn."""
    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "selection": selection_rate, "true positive":
        true_positive_rate}, y_true=truth, y_pred=prediction, sensitive_features=pd.Series(group,
        name="group"), n_boot=replicates, ci_quantiles=[0.025, 0.975], random_state=1,
    )  # fmt: skip
    return np.stack([limit.to_numpy(dtype=float).T for limit in frame.by_group_ci])


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=12, help="that fairlearn draws; scaled to 1,000")
    few = parser.parse_args().replicates
    data = rows(ROWS)
    own = min(seconds(lambda: ours(*data)) for _ in range(5))
    one, several = (seconds(lambda n=n: theirs(*data, replicates=n)) for n in (2, few + 2))
    whole = (several - one) / few * REPLICATES
    print(
        f"| intervals of {ROWS:,} rows x {GROUPS} groups x 3 metrics, {REPLICATES:,} replicates | seconds |"
    )
    print("| --- | ---: |")
    print(f"| bootstrap of counts, from the rows (best of 5) | {own:.3f} |")
    print(f"| fairlearn, scaled from {few} replicates ({several - one:.1f} s) | {whole:,.0f} |")
    print(f"\n{whole / own:,.0f} times as fast")
    scored = rows(SCORED)
    print(f"{SCORED:,} scored rows counted in {seconds(lambda: count_codes(scored, (GROUPS, 2, 2))):.2f} s")


if __name__ == "__main__":
    main()
