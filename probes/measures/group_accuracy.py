"""Group accuracy: top-K accuracy by group and bucket, and the group that has the lowest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from clipmodel.errors import UserError
from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results, attribute_values
from probes.metrics.group_accuracy import buckets, group_rates, top_k_hits, worst_group
from probes.planning.groups import divide
from probes.planning.prompts import class_prompts, texts_of, vectors
from probes.suite.measure_probes import CutPoints, Places, WithTruth
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import misplaced


class GroupAccuracyProbe(WithTruth):
    """Top-K accuracy by group, such as by region or income, and the group that has the lowest."""

    kind: Literal["group_accuracy"]
    k: Places = Field(default=[1, 5], description="The right class is among the K most similar.")
    buckets: dict[str, CutPoints] = Field(
        default={}, description="Attributes that are numbers, with the points to cut them at."
    )

    @model_validator(mode="after")
    def _check_cuts(self) -> GroupAccuracyProbe:
        for attribute, cuts in self.buckets.items():
            if cuts != sorted(set(cuts)):
                message = f"the cut points of {attribute!r} do not ascend"
                raise misplaced(["buckets", attribute], message, remedy="sort them")
        return self


def texts(probe: GroupAccuracyProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError if the data do not fit the probe.

    An attribute is missing, a bucketed one holds no numbers, or no class stands for a value of the truth.
    """
    check_truth(probe, suite, dataset)
    for attribute in probe.buckets:
        _numbers(probe, dataset, attribute)
    return texts_of(class_prompts(probe, suite, dataset))


def check_truth(probe: WithTruth, suite: SuiteView, dataset: DemographicDataset) -> None:
    """Raise UserError if no class stands for any value of the truth."""
    present = set(attribute_values(probe, dataset, probe.truth).dropna())
    if not present & probe.classes(suite).covered(probe.truth):
        raise UserError(
            f"probe {probe.name!r}: no image has a {probe.truth} that a class stands for",
            remedy=f"it has {', '.join(sorted(present)[:10])}"
            if present
            else "fill the column, or ask for another",
        )


def right_classes(probe: WithTruth, context: MeasureContext) -> np.ndarray:
    """[N] the place of the class that stands for the truth of each image.

    If several classes stand for one value, the first by name does: one answer is right here.
    """
    place: dict[str, int] = {}
    for i, item in enumerate(sorted(probe.classes(context.suite).classes, key=lambda item: item.name)):
        for value in item.stands_for(probe.truth):
            place.setdefault(value, i)
    return np.array([place[value] for value in context.values(probe.truth)], dtype=int)


def _numbers(probe: ProbeBase, dataset: DemographicDataset, attribute: str) -> np.ndarray:
    values = attribute_values(probe, dataset, attribute)
    numbers = pd.to_numeric(values, errors="coerce")
    if bool((numbers.isna() & values.notna()).any()):
        odd = values[numbers.isna() & values.notna()].iloc[0]
        raise UserError(
            f"probe {probe.name!r}: {attribute} {odd!r} is no number",
            remedy=f"take {attribute!r} out of 'buckets', or fix the data",
        )
    return numbers.to_numpy(float)


def run(probe: GroupAccuracyProbe, context: MeasureContext) -> Results:
    """Top-K accuracy over all, by group and by bucket, and the lowest of each grouping."""
    results = Results(probe, context)
    truth = right_classes(probe, context)
    for template, shown in class_prompts(probe, context.suite, context.dataset).items():
        similarities = context.images.similarities(vectors(shown, context.embedded))
        # Among all classes every image would be right.
        for k in [k for k in probe.k if k < len(shown)]:
            _hand_over(results, probe, top_k_hits(similarities, truth, k), k, template)
    if not results.estimands:
        raise UserError(
            f"probe {probe.name!r}: every K reaches all classes, so every image would be right",
            remedy="lower 'k'",
        )
    return results


def _hand_over(results: Results, probe: GroupAccuracyProbe, hits: np.ndarray, k: int, template: str) -> None:
    context, metric = results.context, f"top-{k} accuracy"
    asked: dict[str, Any] = {"template": template, "k": k}
    results.add_scalars(hits, **asked)
    divided = [divide(context.dataset, context.images.rows, spec) for spec in probe.groups]
    results.estimate_by_group(metric, "rate", [groups.values for groups in divided], **asked)
    for groups in divided:
        known, codes = groups.known, groups.codes[groups.known]
        # The lowest is chosen here, on the same images it is then estimated on; the note says that some of it
        # is chance (Sagawa et al. 2020 take the minimum alike).
        rates = _rates(probe, hits[known], codes, len(groups), context.weights_of(known))
        if (worst := worst_group(rates, harm=False)) is not None:
            note = _lowest(rates, " x ".join(groups.spec))
            results.estimate(f"worst-group {metric}", "rate", group=groups.values[worst], note=note, **asked)
    for attribute, cuts in probe.buckets.items():
        _bucketed(results, probe, hits, attribute, cuts, metric=metric, asked=asked)


def _bucketed(
    results: Results, probe: GroupAccuracyProbe, hits: np.ndarray, attribute: str, cuts: Sequence[float], *,
    metric: str, asked: Mapping[str, Any],
) -> None:  # fmt: skip
    context = results.context
    codes, names = buckets(_numbers(probe, context.dataset, attribute)[context.images.rows], cuts)
    note = f"cut points {', '.join(f'{cut:g}' for cut in cuts)}"
    items = [f"{attribute} {name}" for name in names]
    for i, item in enumerate(items):
        places = np.flatnonzero(codes == i)
        results.add_scalars(hits[places], places=places, item=item, **asked)
        results.estimate(metric, "rate", item=item, note=note, **asked)
    weights = context.weights_of(codes >= 0)
    rates = _rates(probe, hits[codes >= 0], codes[codes >= 0], len(names), weights)
    if (worst := worst_group(rates, harm=False)) is not None:
        results.estimate(
            f"worst-group {metric}", "rate", item=items[worst], note=_lowest(rates, attribute), **asked
        )


def _rates(
    probe: ProbeBase, hits: np.ndarray, codes: np.ndarray, n_groups: int, weights: np.ndarray | None
) -> np.ndarray:
    """[G] accuracies, weighted if images are, of the groups that have enough images; NaN for the others."""
    n, rates = group_rates(hits, codes, n_groups=n_groups)
    if weights is not None:
        total, right = (np.bincount(codes, each, minlength=n_groups) for each in (weights, weights * hits))
        rates = np.divide(right, total, out=np.full(n_groups, np.nan), where=total > 0)
    # A small group has the lowest rate by chance alone too often to be named.
    return np.where(n >= probe.min_group, rates, np.nan)


def _lowest(rates: np.ndarray, by: str) -> str:
    return f"the lowest of {np.count_nonzero(~np.isnan(rates))} by {by}; some of it is low by chance"


def rules(settings: Mapping[str, Any]) -> str:
    """The cut points of the buckets."""
    cut = [f"{name} at {', '.join(f'{c:g}' for c in cuts)}" for name, cuts in settings["buckets"].items()]
    return f"Cut points: {'; '.join(cut)}." if cut else ""


MEASURE = Measure(
    schema=GroupAccuracyProbe,
    question="How often is the right class found, and for which group least often?",
    meaning="How often the right class is among the K most similar, by group, and the group that has the "
    "lowest accuracy.",
    texts=texts,
    run=run,
    rules=rules,
    units={"": "share"},
    drawn=("top-",),
    needs="classes",
    needs_truth=True,
    template="""\
    label_set: $label_set
    truth: $truth  # the attribute that holds the right answer
    uncovered: exclude  # images whose truth no class stands for; refuse does not run then
    templates: [plain]
    k: [1]  # the right class among the K most similar; fewer than there are classes
    buckets: {}  # attributes that are numbers, with cut points: {income: [200, 685]}
""",
)
