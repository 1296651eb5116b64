"""A rate by group as rows of measures, with its interval and the rule for small groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from probes.datasets.base import DemographicDataset
from probes.measures.context import TOO_FEW, Row, divide, row
from probes.metrics.group_accuracy import group_rates
from probes.metrics.proportions import wilson
from probes.suite.probe_base import ProbeBase


def rate_rows(
    probe: ProbeBase,
    dataset: DemographicDataset,
    rows: np.ndarray,
    metric: str,
    hits: np.ndarray,
    **more: Any,
) -> Iterator[Row]:
    """A rate with its Wilson interval over all images and by each group of the probe; `hits` is [N] bool."""
    low, high = wilson(hits.sum(), len(hits))
    yield rate_row(probe, metric, (len(hits), hits.mean() if len(hits) else np.nan, low, high), {}, more)
    for spec in probe.groups:
        groups = divide(dataset, rows, spec)
        rates = group_rates(hits[groups.known], groups.codes[groups.known], n_groups=len(groups))
        for group, values in enumerate(groups.values):
            yield rate_row(probe, metric, tuple(part[group] for part in rates), values, more)


def rate_row(
    probe: ProbeBase, metric: str, rate: Sequence[Any], group: Mapping[str, str], more: Mapping[str, Any]
) -> Row:
    n, value, low, high = rate
    if n < probe.min_group:
        blank = {"note": TOO_FEW.format(probe.min_group)}
        return row(probe, metric, n=n, value=np.nan, group=group, **{**more, **blank})
    return row(probe, metric, n=n, value=value, group=group, low=float(low), high=float(high), **more)
