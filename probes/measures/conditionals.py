"""Conditionals: P(outcome | group) next to P(group | outcome)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure import Measure
from probes.measures.measure_context import MeasureContext, Results
from probes.planning.groups import divide
from probes.planning.prompts import class_prompts, texts_of, vectors
from probes.suite.measure_probes import Classified
from probes.suite.suite_view import SuiteView


class ConditionalProbe(Classified):
    """Both directions of an outcome: how often it meets a group, and whose images make it up."""

    kind: Literal["conditionals"]
    outcomes: Annotated[dict[str, list[str]], Field(min_length=1)] = Field(
        description="Sets of classes to count, by name."
    )
    k: int = Field(
        default=1, ge=1, le=10**9, description="A class counts if it is among the K most similar ..."
    )
    at_least: float = Field(
        default=0.0, ge=0, le=1, allow_inf_nan=False, description="... and reaches this probability."
    )

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        self._check_sets(suite, self.outcomes, place)


def texts(probe: ConditionalProbe, suite: SuiteView, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes."""
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: ConditionalProbe, context: MeasureContext) -> Results:
    """P(outcome | group) and P(group | outcome), both, so that neither is read as the other."""
    results = Results(probe, context)
    members = probe.classes(context.suite).members()
    for template, shown in class_prompts(probe, context.suite, context.dataset).items():
        names = list(shown)
        cosines = context.images.similarities(vectors(shown, context.embedded)).T
        chosen: NDArray[np.bool_] = context.head.probabilities(cosines) >= probe.at_least
        # A full sort: classes are few, and ties at the k-th place all count.
        kth = -np.sort(-cosines, axis=0)[min(probe.k, len(names)) - 1]
        chosen &= cosines >= kth
        for outcome, sets in probe.outcomes.items():
            places = [names.index(name) for own in sets for name in members[own]]
            results.add_scalars(
                np.logical_or.reduce(chosen[places], axis=0), item=outcome, template=template, k=probe.k
            )
            _ask(probe, results, outcome, template)
    return results


def _ask(probe: ConditionalProbe, results: Results, outcome: str, template: str) -> None:
    where = f"among the {probe.k} most similar" if probe.k > 1 else "most similar"
    least = f", probability at least {probe.at_least:g}" if probe.at_least else ""
    context = results.context
    divided = [divide(context.dataset, context.images.rows, spec) for spec in probe.groups]
    estimate = partial(results.estimate, item=outcome, template=template, k=probe.k)
    results.estimate_by_group(
        f"P({outcome} | group)", "rate", [groups.values for groups in divided],
        item=outcome, template=template, k=probe.k, note=f"a class of {outcome} {where}{least}",
    )  # fmt: skip
    for groups in divided:
        for size, group in zip(groups.sizes, groups.values, strict=True):
            # Without its share of all images a reader takes P(group | outcome) for a property of the group.
            share = size / groups.sizes.sum()
            note = f"of the images with {outcome}; the group has {share:.1%} of all images"
            estimate(f"P(group | {outcome})", "share of events", group=group, note=note)


MEASURE = Measure(
    schema=ConditionalProbe,
    question="How often does an outcome occur in a group, and whose images make it up?",
    meaning="How often an outcome occurs in a group, and which share of the outcome is that group’s: two "
    "numbers that are not each other.",
    texts=texts,
    run=run,
    units={"P(": "share"},
    needs="classes",
    template="""\
    label_set: $label_set
    templates: [plain]
    outcomes: $outcomes  # {name: [set of classes]}
    k: 1  # a class counts among the K most similar ...
    at_least: 0.0  # ... with at least this probability
""",
)
