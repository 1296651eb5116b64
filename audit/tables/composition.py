"""The other conditional: P(group | event), the composition of the images to which an event happened.

`rates` says how often an event happens to a group, P(event | group). Both are asked for, and one is easily
taken for the other: of a large group more images are harmed even where each is harmed less often. So the
table has the group's share of all images beside its share of the events.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.statistics.clusters.cluster_robust import independent_precision
from audit.tables.context import TableContext
from audit.tables.groups.cluster_counts import ClusterCounts
from audit.tables.groups.group_counts import JOINT, GroupCounts
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from audit.tables.rates import rate_interval

COMPOSITION_COLUMNS = {
    "by": "str", "group": "str", "n_events": "int64", "count": "int64", "clusters": "int64",
    "share_of_events": "float64", "low": "float64", "high": "float64", "share_of_images": "float64",
    "representation": "float64", "design_effect": "float64", "note": "str",
}  # fmt: skip


def composition_table(context: TableContext) -> pd.DataFrame:
    """Who the images are to which an outcome happened, for every split of the groups.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, by, group, n_events (images with the event in all groups of the
    split), count (those of this group), clusters (with an event), share_of_events with its 95 % interval low
    and high, share_of_images, representation (the ratio of the shares; above 1 where the group is met more
    often among the events), design_effect (by which the interval allows for clusters), note. Shares are NaN,
    with the reason in `note`, where fewer events than the probe's `min_group` happened.
    """
    parts = [
        _composition(groups, context.clusters, least=context.min_group(probe))
        for probe, groups in context.comparisons()
    ]
    return in_suite_order(parts, context.attributes, COMPOSITION_COLUMNS)


def _composition(groups: GroupCounts, clusters: ClusterCounts | None, *, least: int) -> GroupRows:
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    events = np.repeat(count.sum(axis=1, keepdims=True), n.shape[1], axis=1)
    enough = events >= least
    size, own = np.where(enough, events, 0), np.where(enough, count, 0)
    precision = independent_precision(events) if clusters is None else clusters.shares(groups)
    told, weight = own.astype(float), n.astype(float)
    if clusters is not None and clusters.weighted and precision.rate is not None:
        of_groups = clusters.precision(groups).weight
        told = np.nan_to_num(precision.rate) * size
        weight = weight if of_groups is None else np.nan_to_num(of_groups)
    effective = np.where(enough, precision.effective, 0.0)
    low, high = rate_interval(told, size, effective, precision.freedom)
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = size / effective
        share, of_images = told / size, weight / weight.sum(axis=1, keepdims=True)
        representation = np.where(of_images > 0, share / of_images, np.nan)
    note = np.select([events == 0, ~enough], ["no event", f"fewer than {least} events"], default="")
    columns = {
        "by": JOINT.join(groups.by),
        "group": np.broadcast_to(np.array(groups.names, dtype=object), n.shape),
        "n_events": events,
        "count": count,
        "clusters": np.rint(precision.clusters).astype(np.int64),
        "share_of_events": share,
        "low": low,
        "high": high,
        "share_of_images": of_images,
        "representation": representation,
        "design_effect": effect,
        "note": note,
    }
    return GroupRows(groups=groups, columns=columns)
