"""Conditional probes: P(outcome | group) beside P(group | outcome)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures.context import Given, Groups, Row, class_prompts, divide, row, texts_of, vectors
from probes.measures.rate_rows import rate_rows
from probes.metrics.group_accuracy import conditionals
from probes.metrics.proportions import wilson
from probes.suite.measure_probes import ConditionalProbe
from probes.suite.suite import Suite


def texts(probe: ConditionalProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes."""
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: ConditionalProbe, given: Given) -> pd.DataFrame:
    """P(outcome | group) and P(group | outcome), both, so that neither is read as the other."""
    rows: list[Row] = []
    members = probe.classes(given.suite).members()
    for template, shown in class_prompts(probe, given.suite, given.dataset).items():
        names = list(shown)
        cosines = given.images.similarities(vectors(shown, given.embedded)).T
        chosen = given.head.probabilities(cosines.copy()) >= probe.at_least
        kth = -np.sort(-cosines, axis=0)[min(probe.k, len(names)) - 1]
        chosen &= cosines >= kth
        for outcome, sets in probe.outcomes.items():
            places = [names.index(name) for own in sets for name in members[own]]
            hits = np.asarray(chosen[places].any(axis=0))
            for one in _both(probe, given.dataset, given.images.rows, outcome, hits):
                rows.append(one | {"template": template, "k": probe.k})
    return pd.DataFrame(rows)


def _both(
    probe: ConditionalProbe, dataset: DemographicDataset, rows: np.ndarray, outcome: str, hits: np.ndarray
) -> Iterator[Row]:
    where = f"among the {probe.k} most similar" if probe.k > 1 else "most similar"
    least = f", probability at least {probe.at_least:g}" if probe.at_least else ""
    rule = f"a class of {outcome} {where}{least}"
    yield from rate_rows(probe, dataset, rows, f"P({outcome} | group)", hits, item=outcome, note=rule)
    for spec in probe.groups:
        yield from _made_up_of(probe, divide(dataset, rows, spec), outcome, hits)


def _made_up_of(probe: ConditionalProbe, groups: Groups, outcome: str, hits: np.ndarray) -> Iterator[Row]:
    own = hits[groups.known]
    _, shares = conditionals(own, groups.codes[groups.known], n_groups=len(groups))
    total = int(own.sum())
    counts = np.bincount(groups.codes[groups.known][own], minlength=len(groups))
    low, high = wilson(counts, total)
    for group, values in enumerate(groups.values):
        of_all = groups.sizes[group] / groups.sizes.sum()
        note = f"of the images with {outcome}; the group has {of_all:.1%} of all images"
        yield row(
            probe, f"P(group | {outcome})", n=total, value=shares[group], group=values, item=outcome,
            low=low[group], high=high[group], note=note,
        )  # fmt: skip
