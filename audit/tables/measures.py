"""The table `measures`: estimates, intervals and p of the non-classification probes.

Probes hand over one number per image (a similarity, whether an answer is right, a flip) and say what is to be
estimated; everything inferential is computed here, by the functions that the other tables use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.tables.context import min_group
from audit.tables.measure_statistics import differences, rankings, rates_and_means
from audit.tables.measure_statistics.family import (
    ESTIMATES,
    Family,
    ProbeScalars,
    grouping,
    joined,
)
from audit.tables.measure_statistics.rates_and_means import Rows

STATISTICS: Final[Mapping[str, Callable[[Family], Rows]]] = {
    "rate": rates_and_means.rates,
    "share of events": rates_and_means.shares_of_events,
    "mean over sets": rates_and_means.means_over_sets,
    "signed mean over sets": rates_and_means.signed_means_over_sets,
    "difference of sides": differences.differences_of_sides,
    "mean of sides": rates_and_means.means_of_sides,
    "mean absolute difference": differences.mean_absolute_differences,
    "standardised difference of sides": differences.of_sides,
    "one-sided standardised difference of sides": differences.of_sides_one_sided,
    "standardised difference from the rest": differences.from_the_rest,
    "share at k": rankings.shares,
    "largest skew": rankings.largest_skews,
    "smallest skew": rankings.smallest_skews,
    "divergence": rankings.divergences,
    "entropy at k": rankings.entropies,
    "bias at k": rankings.biases,
    "reported": rates_and_means.reported,
}
"""What computes each of `probes.records.STATISTICS`."""
UNWEIGHTED: Final = frozenset(
    {"share at k", "largest skew", "smallest skew", "divergence", "entropy at k", "bias at k", "reported"}
)
"""Statistics of the images at hand, whatever population they stand for: a ranking has its candidates."""
OF_CANDIDATES: Final = "of the images as they are: not weighted to the population"
KEYS: Final = ("probe", "kind", "metric", "design", "template", "item", "k")
FLOATS: Final = ("k", "value", "low", "high", "p", "p_adjusted")
INTEGERS: Final = ("n", "clusters")


def measures_table(
    estimands: pd.DataFrame | None,
    scalars: pd.DataFrame | None,
    manifest: Mapping[str, Any],
    attributes: Sequence[str],
) -> pd.DataFrame:
    """Estimate what the non-classification probes ask for.

    Parameters
    ----------
    estimands, scalars
        `Records.estimands` and `Records.scalars`; None without such probes.
    manifest
        Of the records.
    attributes
        All group attributes: one column each.

    Returns
    -------
    Columns `KEYS`, the attributes, `ESTIMATES`: one row per estimand, in their order. `n` is images (sets of
    counterfactual images, places of a ranking), `clusters` the independent units among them. Intervals of 95
    % hold where several images are of one cluster; p is two-sided unless the note says otherwise, and
    `p_adjusted` is corrected over the family that the note names. NaN, with the reason in `note`, if a group
    has fewer images than the probe's `min_group`. If images stand for a population, means, their intervals
    and p are weighted; rankings speak of their candidates, and the note says so.
    """
    if estimands is None or scalars is None or not len(estimands):
        return _typed(pd.DataFrame(columns=[*KEYS, *attributes, *ESTIMATES]))
    probes = {probe["name"]: probe for probe in manifest["probes"]}
    rows = estimands.reset_index(drop=True)
    found = pd.DataFrame(index=rows.index, columns=list(ESTIMATES), dtype=object)
    for name, own in rows.groupby(rows["probe"].astype("str"), sort=False):
        probe = probes[name]
        frame = scalars[(scalars["probe"] == name).to_numpy()]
        of_probe = ProbeScalars(frame, attributes)
        least, seed = min_group(probe, manifest), int(manifest["seed"])
        for by, index in _families(own, attributes):
            family = Family(rows=own.loc[index], by=by, scalars=of_probe, probe=probe, least=least, seed=seed)
            estimates = list(STATISTICS[str(own.loc[index[0], "statistic"])](family))
            found.loc[index] = pd.DataFrame(estimates, index=index)[list(ESTIMATES)]
    as_they_are = [
        OF_CANDIDATES if manifest.get("population") and statistic in UNWEIGHTED else ""
        for statistic in rows["statistic"]
    ]
    found["note"] = [joined(*notes) for notes in zip(rows["note"], found["note"], as_they_are, strict=True)]
    table = pd.concat([rows[[*KEYS, *attributes]], found], axis=1)
    return _typed(table[[*KEYS, *attributes, *ESTIMATES]])


def _families(rows: pd.DataFrame, attributes: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pd.Index]]:
    """Rows of one statistic, metric, template, k and grouping; their index, in the order of the rows."""
    values = rows[list(attributes)].to_dict("records")
    by = [grouping({str(name): value for name, value in row.items()}, attributes) for row in values]
    keys = rows[["statistic", "metric", "template", "k"]].assign(by=[" x ".join(names) for names in by])
    places = dict(zip(rows.index, by, strict=True))
    for _, own in keys.groupby(["statistic", "metric", "template", "k", "by"], sort=False, dropna=False):
        yield places[own.index[0]], own.index


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    words = {name: "str" for name in table.columns if name not in (*FLOATS, *INTEGERS)}
    numbers = {**dict.fromkeys(FLOATS, "float64"), **dict.fromkeys(INTEGERS, "int64")}
    return table.replace({None: np.nan}).astype({**words, **numbers})
