"""Trends along attributes that have an order: age in years or bands, skin tone on a scale.

Groups by bands and a trend over the same images answer different questions: bands show where a rate differs,
the trend whether it rises or falls, with one test in place of many contrasts. What each value counts as is in
the row (`scale`), so that no band is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.statistics.clusters.cluster_robust import LEAST_CLUSTERS
from audit.statistics.multiplicity import weighted_holm
from audit.statistics.trend import LevelCounts, linear_trend, smooth_rate
from audit.tables.context import TableContext
from audit.tables.groups.group_counts import SPECIFICATION, GroupCounts
from clipmodel.array_types import Floats
from probes.records.schemas import SCHEMAS

FEW_LEVELS = "images at fewer than three values"
NOT_KEPT = "counts by cluster were not kept"
NO_EVENT = "no event, or only events"
RANKS = "ranks"


def trend_tables(context: TableContext) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `trends` and `trend_curves`.

    A row of the first for every specification, outcome and grouping by one attribute that has a scale;
    `p_adjusted` is Holm's with weights over all of them, each grouping and outcome having one share that its
    specifications divide. Curves are of the first specification of each outcome, in the order of the suite.
    """
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    scales = {one["column"]: one for one in context.manifest["attributes"] if one.get("scale")}
    for _, groups in context.comparisons():
        if len(groups.by) == 1 and groups.by[0] in scales:
            entry = scales[groups.by[0]]
            found, drawn = _of_grouping(context, groups, entry)
            rows += found
            curves += drawn
    trends = pd.DataFrame(rows) if rows else SCHEMAS["trends"].empty()
    if rows:
        shares = trends.groupby(["probe", "outcome", "by"])["p"].transform("count").clip(lower=1)
        trends["p_adjusted"] = weighted_holm(trends["p"], 1 / shares)
    drawn_rows = pd.concat(curves, ignore_index=True) if curves else SCHEMAS["trend_curves"].empty()
    return trends, drawn_rows


def _of_grouping(
    context: TableContext, groups: GroupCounts, entry: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[pd.DataFrame]]:
    known = dict(zip(entry["order"], entry["scale"]["scores"], strict=True))
    values = groups.groups[groups.by[0]].astype("str").tolist()
    scores = np.array([known.get(value, np.nan) for value in values])
    usable = ~np.isnan(scores)
    scale = scale_words(values, scores, kind=entry["scale"]["kind"])
    rows, curves = [], []
    drawn: set[str] = set()
    columns = {name: groups.specifications[name].tolist() for name in SPECIFICATION}
    for row, counts in _level_counts(context, groups, scores, usable):
        specification: dict[str, Any] = {name: columns[name][row] for name in SPECIFICATION}
        cells, curve = _row(groups, row, counts, usable)
        rows.append({**specification, "by": groups.by[0], "scale": scale, **cells})
        if curve is not None and specification["outcome"] not in drawn:
            drawn.add(specification["outcome"])
            curves.append(curve.assign(**specification, by=groups.by[0]))
    return rows, curves


def scale_words(values: Sequence[str], scores: Floats, *, kind: str) -> str:
    """What each value counts as, in words: "midpoints: 18-29 = 24, 30-39 = 35"."""
    pairs = sorted(zip(scores.tolist(), values, strict=True))
    shown = [
        value if kind == "numbers" else f"{value} = {score:g}"
        for score, value in pairs
        if not np.isnan(score)
    ]
    words = ", ".join(shown) if len(shown) <= 12 else f"{shown[0]} to {shown[-1]}, {len(shown)} values"
    return f"{kind}: {words}"


def _level_counts(
    context: TableContext, groups: GroupCounts, scores: Floats, usable: NDArray[np.bool_]
) -> Iterator[tuple[int, LevelCounts | None]]:
    """Every specification with its counts by cluster and level; None where those were not kept."""
    n, x = groups.n.sum(axis=2), groups.count.sum(axis=2)
    by_row: dict[int, LevelCounts] = {}
    if context.clusters is not None:
        for places, events, images, _ in context.clusters.cells(groups):
            own = images[:, usable]
            for place, counted in zip(places, events, strict=True):
                by_row[int(place)] = LevelCounts(events=counted[:, usable], images=own, scores=scores[usable])
    moments = None if context.clusters is None else context.clusters.moments
    of_moments = moments is not None and bool((moments["probe"] == groups.probe).any())
    for row in range(len(n)):
        if row in by_row:
            yield row, by_row[row]
        elif of_moments:
            yield row, None
        else:
            yield row, LevelCounts.independent(x[row, usable], n[row, usable], scores[usable])


def _row(
    groups: GroupCounts, row: int, counts: LevelCounts | None, usable: NDArray[np.bool_]
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    n, x = groups.n[row].sum(axis=1)[usable], groups.count[row].sum(axis=1)[usable]
    levels = int(np.count_nonzero(n))
    cells: dict[str, Any] = {"levels": levels, "n": int(n.sum()), "count": int(x.sum()), "clusters": 0}
    numbers: dict[str, Any] = dict.fromkeys(NUMBERS, np.nan)
    if counts is None or levels < 3:
        return cells | numbers | {"note": NOT_KEPT if counts is None else FEW_LEVELS}, None
    cells["clusters"] = counts.clusters
    trend = linear_trend(counts)
    numbers |= {name: getattr(trend, name) for name in NUMBERS if hasattr(trend, name)}
    note = NO_EVENT if x.sum() in (0, n.sum()) else ""
    # The slopes keep their intervals, which are long with few clusters, as rates and gaps do.
    if not counts.single and counts.clusters < LEAST_CLUSTERS:
        numbers["p"] = np.nan
        note = note or f"{counts.clusters} clusters: fewer than {LEAST_CLUSTERS}, too few to test"
    smooth = smooth_rate(counts)
    curve = None
    if smooth is not None:
        numbers["curved_p"] = smooth.curved_p
        curve = pd.DataFrame({name: getattr(smooth, name) for name in ("at", "rate", "low", "high")})
    return cells | numbers | {"note": note}, curve


NUMBERS = (
    "slope", "slope_low", "slope_high", "odds_ratio", "odds_ratio_low", "odds_ratio_high", "p",
    "p_adjusted", "curved_p",
)  # fmt: skip
KEY = (*SPECIFICATION, "by")
