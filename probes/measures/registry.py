"""How each kind of probe that is no classification is run; its YAML is in `probes.suite.measure_probes`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures import (
    association,
    association_bias,
    conditionals,
    counterfactual,
    group_accuracy,
    markedness,
    pronouns,
    ranking,
)
from probes.measures.context import Given
from probes.suite.suite import Suite

Texts = Callable[[Any, Suite, DemographicDataset], Collection[str]]
Run = Callable[[Any, Given], pd.DataFrame]


def _none(probe: Any) -> Sequence[int]:
    return ()


def _sizes(probe: Any) -> Sequence[int]:
    sizes: Sequence[int] = probe.sizes
    return sizes


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of probe.

    Attributes
    ----------
    texts
        (probe, suite, dataset) -> the texts that it needs embedded. UserError where the data do not fit.
    run
        (probe, what it is given) -> rows of `Records.measures`: the columns of the contract and the group
        attributes of the probe.
    sizes
        Longer sides, in pixels, to which the pictures are also shrunk and embedded: `images.coarse`.
    """

    texts: Texts
    run: Run
    sizes: Callable[[Any], Sequence[int]] = _none


KINDS: dict[str, Kind] = {
    "association": Kind(texts=association.texts, run=association.run),
    "ranking": Kind(texts=ranking.texts, run=ranking.run),
    "counterfactual": Kind(texts=counterfactual.texts, run=counterfactual.run),
    "markedness": Kind(texts=markedness.texts, run=markedness.run),
    "pronouns": Kind(texts=pronouns.texts, run=pronouns.run),
    "group_accuracy": Kind(texts=group_accuracy.texts, run=group_accuracy.run_group_accuracy),
    "picture_size": Kind(texts=group_accuracy.texts, run=group_accuracy.run_picture_size, sizes=_sizes),
    "conditionals": Kind(texts=conditionals.texts, run=conditionals.run),
    "association_bias": Kind(texts=association_bias.texts, run=association_bias.run),
}
