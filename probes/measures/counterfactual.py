"""Counterfactual: images that differ in one attribute, and whether the prediction does too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, attribute_values
from probes.metrics.counterfactual import Pairs, counterfactual_pairs, flips, set_codes, set_means, turns
from probes.planning.prompts import class_prompts, texts_of, vectors
from probes.scoring.outcome_bits import digests
from probes.suite.measure_probes import Classified
from probes.suite.suite_view import SuiteView

ANY = "any change"
FLIP = "flip rate"


class CounterfactualProbe(Classified):
    """How often a prediction changes where only one attribute of the image does."""

    kind: Literal["counterfactual"]
    attribute: str = Field(description="What changes within a set.")
    same: list[str] = Field(
        default=[], description="Attributes that are equal within a set; the data's clusters if left out."
    )
    outcomes: dict[str, list[str]] = Field(
        default={}, description="Sets of classes to follow, by name: in which direction predictions turn."
    )

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        self._check_sets(suite, self.outcomes, place)


def texts(probe: CounterfactualProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError if the data do not say what a set is."""
    for attribute in (probe.attribute, *probe.same):
        attribute_values(probe, dataset, attribute)
    if not probe.same and dataset.card.cluster is None:
        raise UserError(
            f"probe {probe.name!r}: the data {dataset.card.name!r} know no sets of counterfactuals",
            remedy="name the attributes that are equal within a set in 'same'",
        )
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: CounterfactualProbe, context: MeasureContext) -> Results:
    """Flip rates over all pairs and by pair of values, and in which direction outcomes turn."""
    levels = context.dataset.levels(probe.attribute)
    values = pd.Categorical(context.values(probe.attribute), levels).codes
    columns = [context.values(name).astype(object) for name in probe.same]
    # Copies share a cluster too (`copies.joined`): they are in one set.
    columns = columns or [context.dataset.clusters.iloc[context.images.rows].to_numpy(object)]
    sets = set_codes(columns)
    names = _set_names(columns, sets)
    pairs = counterfactual_pairs(sets, values)
    results = Results(probe, context)
    for template, shown in class_prompts(probe, context.suite, context.dataset).items():
        classes = list(shown)
        # The class of the highest similarity; no threshold, since a flip compares two predictions.
        predicted = context.images.similarities(vectors(shown, context.embedded)).argmax(axis=1)
        members = probe.classes(context.suite).members()
        events = {
            outcome: np.isin(predicted, [classes.index(n) for name in own for n in members[name]])
            for outcome, own in probe.outcomes.items()
        }
        for item, own in _by_change(pairs, values, levels):
            # Over all pairs there is no direction: from which value to which is not one thing.
            _hand_over(results, own, predicted, {} if item == ANY else events, names, item, template)
    return results


def _set_names(columns: list[np.ndarray], sets: np.ndarray) -> dict[int, str]:
    """Set -> digest of the values that its images share."""
    joined = ["\x1f".join(map(str, values)) for values in zip(*columns, strict=True)]
    # Reversed, so that of several images of a set the first one stays in the dictionary.
    first = {int(code): joined[place] for place, code in reversed(list(enumerate(sets)))}
    return dict(zip(first, digests(first.values()), strict=True))


def _by_change(pairs: Pairs, values: np.ndarray, levels: list[str]) -> Iterator[tuple[str, Pairs]]:
    """All pairs, then those from each value to each other."""
    yield ANY, pairs
    changes = np.stack([values[pairs.first], values[pairs.second]], axis=1)
    for first, second in np.unique(changes, axis=0):
        own = (changes == (first, second)).all(axis=1)
        part = Pairs(first=pairs.first[own], second=pairs.second[own], sets=pairs.sets[own])
        yield f"{levels[first]} to {levels[second]}", part


def _hand_over(
    results: Results,
    pairs: Pairs,
    predicted: np.ndarray,
    events: Mapping[str, np.ndarray],
    names: Mapping[int, str],
    item: str,
    template: str,
) -> None:
    """Scalars of one change: flips, and turns to each outcome, whose item says which one it is."""
    measured = {FLIP: (flips(predicted, pairs), "mean over sets")}
    for outcome, event in events.items():
        measured[f"turns to {outcome}"] = (turns(event, pairs), "signed mean over sets")
    for metric, (changed, statistic) in measured.items():
        sets, number, means = set_means(changed, pairs.sets)
        weights = results.context.weights
        if weights is not None:
            # A pair counts for the mean of its two images, a set for the mean of its pairs.
            weights = set_means((weights[pairs.first] + weights[pairs.second]) / 2, pairs.sets)[2]
        of_item = item if metric == FLIP else f"{item}: {metric.removeprefix('turns to ')}"
        own = [names[int(code)] for code in sets]
        results.add_sets(means, number, own, item=of_item, template=template, weights=weights)
        results.estimate(metric, statistic, item=of_item, template=template)


def rules(settings: Mapping[str, Any]) -> str:
    """What changes within a set and what does not."""
    same = ", ".join(name.replace("_", " ") for name in settings["same"]) or "the clusters of the data"
    return f"What changes: {settings['attribute'].replace('_', ' ')}. A set is equal in: {same}."


MEASURE = Measure(
    schema=CounterfactualProbe,
    question="Does the prediction change if only one attribute of the image does?",
    meaning="The share of pairs, within a set of images that differ in one attribute only, whose prediction "
    "differs too. Intervals are over sets.",
    texts=texts,
    run=run,
    rules=rules,
    units={FLIP: "share", "turns": "points"},
    drawn=(FLIP,),
    needs="classes",
    changes="Attribute that changes within a set",
    template="""\
    label_set: $label_set
    templates: [plain]
    attribute: $attribute  # what changes within a set
    same: $same  # what is equal within a set; [] for the clusters of the data
    outcomes: $outcomes  # sets of classes whose direction is followed: {name: [set]}
""",
)
