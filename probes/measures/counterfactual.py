"""Counterfactual probes: pictures that differ in one attribute, and whether the prediction does too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from probes.datasets.base import DemographicDataset
from probes.measures.context import Given, Row, attribute_values, class_prompts, row, texts_of, vectors
from probes.metrics.counterfactual import Pairs, counterfactual_pairs, flip_rate, flips, set_codes, turns
from probes.suite.measure_probes import CounterfactualProbe
from probes.suite.suite import Suite

ANY = "any change"


def texts(probe: CounterfactualProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError where the data do not say what a set is."""
    for attribute in (probe.attribute, *probe.same):
        attribute_values(probe, dataset, attribute)
    if not probe.same and dataset.card.cluster is None:
        raise UserError(
            f"probe {probe.name!r}: the data {dataset.card.name!r} know no sets of counterfactuals",
            remedy="name the attributes that are equal within a set in 'same'",
        )
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: CounterfactualProbe, given: Given) -> pd.DataFrame:
    """Flip rates over all pairs and by pair of values, and in which direction outcomes turn."""
    levels = given.dataset.levels(probe.attribute)
    values = pd.Categorical(given.dataset.values(probe.attribute).iloc[given.images.rows], levels).codes
    columns = [given.dataset.values(name).iloc[given.images.rows].to_numpy(object) for name in probe.same]
    sets = set_codes(columns or [given.dataset.clusters.iloc[given.images.rows].to_numpy(object)])
    pairs = counterfactual_pairs(sets, values)
    rows: list[Row] = []
    for template, shown in class_prompts(probe, given.suite, given.dataset).items():
        names = list(shown)
        predicted = given.images.similarities(vectors(shown, given.embedded)).argmax(axis=1)
        members = probe.classes(given.suite).members()
        events = {
            outcome: np.isin(predicted, [names.index(n) for name in own for n in members[name]])
            for outcome, own in probe.outcomes.items()
        }
        for item, own in _by_change(pairs, values, levels):
            # Over all pairs there is no direction: from which value to which is not one thing.
            found = _rates(probe, own, predicted, {} if item == ANY else events, seed=given.suite.seed)
            rows += [one | {"template": template, "item": item} for one in found]
    return pd.DataFrame(rows)


def _by_change(pairs: Pairs, values: np.ndarray, levels: list[str]) -> Iterator[tuple[str, Pairs]]:
    """All pairs, then those from each value to each other."""
    yield ANY, pairs
    changes = np.stack([values[pairs.first], values[pairs.second]], axis=1)
    for first, second in np.unique(changes, axis=0):
        own = (changes == (first, second)).all(axis=1)
        part = Pairs(first=pairs.first[own], second=pairs.second[own], sets=pairs.sets[own])
        yield f"{levels[first]} to {levels[second]}", part


def _rates(
    probe: CounterfactualProbe,
    pairs: Pairs,
    predicted: np.ndarray,
    events: dict[str, np.ndarray],
    *,
    seed: int,
) -> Iterator[Row]:
    measured = {"flip rate": (flips(predicted, pairs), False)}
    measured |= {f"turns to {name}": (turns(event, pairs), True) for name, event in events.items()}
    for metric, (changed, signed) in measured.items():
        rate = flip_rate(changed, pairs.sets, signed=signed, seed=seed)
        few = rate.n_sets < probe.min_group
        note = f"{rate.n_pairs:,} pairs in {rate.n_sets:,} sets; "
        note += f"fewer than {probe.min_group} sets" if few else rate.method
        low, high = (np.nan, np.nan) if few else (rate.low, rate.high)
        value = np.nan if few else rate.value
        yield row(probe, metric, n=rate.n_sets, value=value, low=low, high=high, note=note)
