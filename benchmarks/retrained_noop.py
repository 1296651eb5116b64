"""How often a retraining that changes nothing is called a change, over simulated training runs.

    python -m benchmarks.retrained_noop [--simulations 1000] [--runs 1 3 5 10]

Two trainings that are one, each run as often as `--runs` says, are asked of the same images: 600 images of
200 persons, a group of a third, errors at a rate of .3. Images differ in how hard they are, persons share
half of that, and each run errs on images of its own. A run moves the gap between the groups by a normal draw
whose standard deviation between runs is 8.5 points, as found between seeds of the small models of
`benchmarks.planted_mitigations`, or a third of it, or 0. Judged by `audit.comparison.run_changes` (over
training runs), and, for comparison, from the first run of either by images alone, as a fitted method is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.comparison.run_changes import NARROWER, NOT_JUDGED, NOT_SHOWN, WIDER, run_change_table
from audit.mitigation.mitigation_tables import Answered, Pair, gap_rows
from audit.statistics.proportion.intervals import clopper_pearson

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


def simulate(runs: int, *, spread: float, simulations: int, seed: int = 0) -> dict[str, Any]:
    """How many of so many simulated retrainings are called narrower, wider, no change, not judged."""
    rng = np.random.default_rng([seed, runs, round(1000 * spread)])
    effects, alone = [], []
    for _ in range(simulations):
        images = [f"{number:016x}" for number in range(IMAGES)]
        persons = [f"p{number // A_PERSON}" for number in range(IMAGES)]
        tone = np.where(rng.random(IMAGES // A_PERSON) < 1 / 3, "dark", "light").repeat(A_PERSON)
        labels = pd.DataFrame({"image": images, "cluster": persons, "tone": tone})
        every = [answers(own, labels) for own in training_runs(rng, 2 * runs, spread=spread, labels=labels)]
        table = run_change_table(every[:runs], every[runs:])
        effects.append(table.loc[table["reference"] != "", "effect"].iloc[0])
        if runs == 1:
            alone.append(gap_rows("again", Pair.of(every[0], every[1]))["effect"].iloc[0])
    quiet = sum(effect in (NOT_SHOWN, NOT_JUDGED) for effect in effects)
    low, high = clopper_pearson(quiet, simulations)
    return {
        "runs on a side": runs, "sd between runs, points": round(100 * spread, 1),
        **{name: effects.count(name) for name in (NARROWER, WIDER, NOT_SHOWN, NOT_JUDGED)},
        "no change or not judged": f"{100 * quiet / simulations:.1f} %",
        "95 %": f"{100 * float(low):.1f} to {100 * float(high):.1f}",
        "called a change by images alone": f"{100 * np.mean([e != NOT_SHOWN for e in alone]):.1f} %"
        if alone
        else "",
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 3, 5, 10])
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    for runs in told.runs:
        for spread in SPREADS:
            row = simulate(runs, spread=spread, simulations=told.simulations, seed=told.seed)
            print("; ".join(f"{name}: {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
