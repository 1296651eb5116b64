"""How often a retraining that changes nothing is called a change, over simulated training runs.

    python -m benchmarks.retrained_noop [--simulations 2000] [--runs 3 5 10] [--by-images 100]

Two trainings that are one, each run as often as `--runs` says, are asked of the same images: 600 images of
200 persons, a group of a third, errors at a rate of .3. Images differ in how hard they are, persons share
half of that, and each run errs on images of its own. A run moves the gap between the groups by a normal draw
whose standard deviation between runs is 8.5 points, as found between seeds of the small models of
`benchmarks.planted_mitigations`, or a third of it, or 0. Judged as by `audit.comparison.run_changes` (over
training runs; one gap, so that no adjustment makes it more careful), and, for comparison, from one run of
either by images alone, as a fitted method is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.comparison.run_changes import LEVEL, NOT_SHOWN
from audit.mitigation.mitigation_tables import Answered, Pair, gap_rows
from audit.statistics.proportion.intervals import clopper_pearson
from audit.statistics.variation.prompt_variance import change_of_runs

IMAGES: Final = 600
A_PERSON: Final = 3
SPREADS: Final = (0.0, 0.028, 0.085)
"""Standard deviations of the gap between runs."""
RATE: Final = 0.3
PROBE: Final = {
    "name": "work", "title": "Work", "groups": [["tone"]], "references": {}, "templates": ["plain"],
    "outcomes": [{"name": "wrong", "title": "wrong", "kind": "misclassified"}],
    "designs": [{"name": "default", "classes": []}], "settings": {},
    "specifications": [["default", "plain", "argmax", None]],
}  # fmt: skip


def answers(events: NDArray[np.bool_], labels: pd.DataFrame) -> Answered:
    """An audit of one outcome, from what happened to each image."""
    outcomes = labels.assign(
        probe="work", outcome="wrong", outcome_bits=np.where(events, "1", "0").astype(object)
    )
    key = {"probe": "work", "design": "default", "template": "plain", "rule": "argmax", "threshold": np.nan}
    gaps = pd.DataFrame([{**key, "outcome": "wrong", "by": "tone", "group": "dark", "reference": "light"}])
    manifest: dict[str, Any] = {
        "probes": [PROBE], "seed": 0, "attributes": [], "min_group": 10,
    }  # fmt: skip
    return Answered(manifest=manifest, outcomes=outcomes, gaps=gaps, rates=pd.DataFrame([key]))


def training_runs(
    rng: np.random.Generator, number: int, *, spread: float, labels: pd.DataFrame
) -> Iterator[NDArray[np.bool_]]:
    """[N] errors of each of so many runs of one training on the same images."""
    persons = labels["cluster"].factorize()[0]
    hard = np.sqrt(0.5) * (rng.standard_normal(persons.max() + 1)[persons] + rng.standard_normal(IMAGES))
    dark = (labels["tone"] == "dark").to_numpy()
    # On the probit scale: an image errs if its difficulty and the run's own noise exceed a threshold.
    limit = -special.ndtri(RATE) * np.sqrt(1.25)
    slope = np.exp(-(special.ndtri(RATE) ** 2) / 2) / np.sqrt(2 * np.pi)  # d rate / d standardised shift
    for _ in range(number):
        shift = spread / slope * np.sqrt(1.25) * rng.standard_normal()
        yield hard + 0.5 * rng.standard_normal(IMAGES) + shift * dark > limit


def judged(events: NDArray[np.bool_], labels: pd.DataFrame, runs: int) -> float:
    """p of `run_change_table` for the one gap, from the events [2 runs, N] alone, in less time."""
    dark = (labels["tone"] == "dark").to_numpy()
    cluster = labels["cluster"].factorize()[0]
    values = events[:, dark].mean(axis=1) - events[:, ~dark].mean(axis=1)
    influence = np.zeros(events.shape)
    for own, sign in ((dark, 1), (~dark, -1)):
        centred = events[:, own] - events[:, own].mean(axis=1, keepdims=True)
        influence[:, own] = sign * centred / own.sum()
    number = cluster.max() + 1
    sums = np.stack([np.bincount(cluster, weights=one, minlength=number) for one in influence])
    covariance = sums @ sums.T * number / (number - 1)
    sides = [len(np.unique(cluster[own])) for own in (dark, ~dark)]
    return change_of_runs(values[:runs], values[runs:], covariance, freedom=min(sides) - 1).p


def invented_labels(rng: np.random.Generator) -> pd.DataFrame:
    """600 images of 200 persons, a third of whom are dark."""
    images = [f"{number:016x}" for number in range(IMAGES)]
    persons = [f"p{number // A_PERSON}" for number in range(IMAGES)]
    tone = np.where(rng.random(IMAGES // A_PERSON) < 1 / 3, "dark", "light").repeat(A_PERSON)
    return pd.DataFrame({"image": images, "cluster": persons, "tone": tone})


def simulate(runs: int, *, spread: float, simulations: int, seed: int = 0) -> dict[str, Any]:
    """How many of so many simulated retrainings without an effect are no change over training runs."""
    rng = np.random.default_rng([seed, runs, round(1000 * spread)])
    quiet = 0
    for _ in range(simulations):
        labels = invented_labels(rng)
        events = np.stack(list(training_runs(rng, 2 * runs, spread=spread, labels=labels)))
        quiet += not judged(events, labels, runs) < LEVEL
    return _row(f"{runs} runs on a side", spread, quiet, simulations)


def by_images(*, spread: float, simulations: int, seed: int = 0) -> dict[str, Any]:
    """The same of one run on a side, if other images alone are allowed for, as of a fitted method."""
    rng = np.random.default_rng([seed, 0, round(1000 * spread)])
    quiet = 0
    for _ in range(simulations):
        labels = invented_labels(rng)
        first, second = (answers(own, labels) for own in training_runs(rng, 2, spread=spread, labels=labels))
        quiet += bool((gap_rows("again", Pair.of(first, second))["effect"] == NOT_SHOWN).all())
    return _row("1 run, by images alone", spread, quiet, simulations)


def _row(name: str, spread: float, quiet: int, simulations: int) -> dict[str, Any]:
    low, high = clopper_pearson(quiet, simulations)
    return {
        "judged from": name, "sd between runs, points": round(100 * spread, 1), "simulations": simulations,
        "no change, %": round(100 * quiet / simulations, 1),
        "95 %": f"{100 * float(low):.1f} to {100 * float(high):.1f}",
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--runs", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--by-images", type=int, default=100, help="simulations of one run, by images alone")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    cells = [
        simulate(runs, spread=spread, simulations=told.simulations, seed=told.seed)
        for runs in told.runs
        for spread in SPREADS
    ]
    if told.by_images:
        cells += [by_images(spread=own, simulations=told.by_images, seed=told.seed) for own in SPREADS]
    print(pd.DataFrame(cells).to_string(index=False))


if __name__ == "__main__":
    main()
