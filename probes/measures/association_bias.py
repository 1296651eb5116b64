"""Association bias: whether classes, such as occupations, are given to one group more than to another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures.context import (
    TOO_FEW,
    WHOLE_CLUSTERS,
    Given,
    Row,
    check_values,
    class_prompts,
    row,
    texts_of,
    vectors,
)
from probes.metrics.association_bias import Parity, association_bias
from probes.suite.measure_probes import AssociationBiasProbe
from probes.suite.suite import Suite

BIAS, DIFFERENCE = "association bias", "difference by class"
COUNTED = {
    "share": "share of images that are given the class",
    "probability": "mean probability of the class",
}


def texts(probe: AssociationBiasProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The prompts of the classes; UserError where the data lack a value of the contrast."""
    for attribute, pair in probe.contrast.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(class_prompts(probe, suite, dataset))


def run(probe: AssociationBiasProbe, given: Given) -> pd.DataFrame:
    """A row a template for the bias, and one for the difference of each class."""
    ((attribute, pair),) = probe.contrast.items()
    values = given.dataset.values(attribute).iloc[given.images.rows].to_numpy()
    chosen = np.flatnonzero(np.isin(values, pair))
    is_first = values[chosen] == pair[0]
    rows: list[Row] = []
    for template, shown in class_prompts(probe, given.suite, given.dataset).items():
        cosines = given.images.similarities(vectors(shown, given.embedded))[chosen].T
        found = _rows(probe, given, list(shown), _given(probe, given, cosines), chosen, is_first)
        rows += [one | {"template": template} for one in found]
    return pd.DataFrame(rows)


def _given(probe: AssociationBiasProbe, given: Given, cosines: np.ndarray) -> np.ndarray:
    """[N, C] whether each class is given to each image, or with which probability."""
    if probe.counted == "probability":
        return given.head.probabilities(cosines).T
    return cosines.argmax(axis=0)[:, None] == np.arange(len(cosines))


def _rows(
    probe: AssociationBiasProbe,
    given: Given,
    names: list[str],
    values: np.ndarray,
    chosen: np.ndarray,
    is_first: np.ndarray,
) -> Iterator[Row]:
    ((_, pair),) = probe.contrast.items()
    item, n = " / ".join(pair), len(chosen)
    if min(is_first.sum(), (~is_first).sum()) < max(probe.min_group, 2):
        few = TOO_FEW.format(max(probe.min_group, 2))
        yield row(probe, BIAS, n=n, value=np.nan, item=item, note=few)
        return
    found = association_bias(
        values, is_first, permutations=probe.permutations, correction=probe.correction,
        clusters=None if given.clusters is None else given.clusters[chosen], seed=given.suite.seed,
    )  # fmt: skip
    whole = "" if given.clusters is None else f"; {WHOLE_CLUSTERS}"
    note = f"mean over {len(names)} classes; {100 * found.by_chance:.1f} points by chance{whole}"
    yield row(probe, BIAS, n=n, value=found.bias, item=item, p=found.p, p_adjusted=found.p, note=note)
    yield from _by_class(probe, names, found, n=n, note=f"{COUNTED[probe.counted]}, {pair[0]} less {pair[1]}")


def _by_class(
    probe: AssociationBiasProbe, names: list[str], found: Parity, *, n: int, note: str
) -> Iterator[Row]:
    for i, name in enumerate(names):
        yield row(
            probe, DIFFERENCE, n=n, value=found.difference[i], low=found.low[i], high=found.high[i],
            p=found.p_class[i], p_adjusted=found.p_adjusted[i], item=name, note=note,
        )  # fmt: skip
