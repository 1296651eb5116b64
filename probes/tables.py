"""Arrays of counts into the tidy tables of `probes.records`.

Shapes: G cells, C classes, S set events, T thresholds, K points of the curve, N images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from probes.records import ALL, MISSING, empty_counts, empty_table
from probes.scoring import Counts, ImageScores, Specification, Thresholds
from probes.selection import TRUTH


def counts_table(
    spec: Specification,
    counts: Counts,
    *,
    cells: pd.DataFrame,
    n: np.ndarray,
    rules: Sequence[str],
    thresholds: Thresholds,
) -> pd.DataFrame:
    """The rows of `Records.counts` of one specification.

    Parameters
    ----------
    spec
        Its key is (probe, design, template).
    counts
        What the engine counted.
    cells
        G rows: the group attributes and "truth".
    n
        [G] images of each cell.
    rules
        "argmax", "probability", or both.
    thresholds
        Those of the rule "probability".
    """
    parts = []
    if "argmax" in rules:
        in_set = np.zeros((len(spec.classes), len(spec.sets)), np.int64)
        for column, name in enumerate(spec.sets):
            in_set[spec.members(name), column] = 1
        predicted = np.concatenate([counts.predictions, counts.predictions @ in_set], axis=1)
        events = _events(spec.classes, spec.sets)
        parts.append(_rows(spec, np.array([np.nan]), cells, n, events, predicted[None]))
    if "probability" in rules:
        hits = np.concatenate([counts.class_hits, counts.set_hits], axis=2)
        parts.append(_rows(spec, thresholds.named, cells, n, _events(spec.classes, spec.sets), hits))
    return pd.concat(parts, ignore_index=True)


def curve_table(
    spec: Specification, counts: Counts, *, cells: pd.DataFrame, n: np.ndarray, thresholds: Thresholds
) -> pd.DataFrame:
    """The rows of `Records.curves` of one specification; arguments as for `counts_table`."""
    return _rows(spec, thresholds.curve, cells, n, _events((), spec.sets), counts.curve)


def _events(classes: Iterable[str], sets: Iterable[str]) -> pd.DataFrame:
    pairs = [("class", name) for name in classes] + [("set", name) for name in sets]
    return pd.DataFrame(pairs, columns=["event_kind", "event"], dtype="str")


def _rows(
    spec: Specification,
    thresholds: np.ndarray,
    cells: pd.DataFrame,
    n: np.ndarray,
    events: pd.DataFrame,
    counts: np.ndarray,
) -> pd.DataFrame:
    """One row a threshold, cell and event, zero counts kept; counts are [T, G, events]."""
    t, g, e = (axis.ravel() for axis in np.indices(counts.shape))
    probe, design, template = spec.key
    columns = {
        "probe": probe,
        "design": design,
        "template": template,
        "rule": "argmax" if np.isnan(thresholds).all() else "probability",
        "threshold": thresholds[t],
        **{name: cells[name].array.take(g) for name in cells},
        **{name: events[name].array.take(e) for name in events},
        "n": n[g],
        "count": counts.ravel(),
    }
    return pd.DataFrame(columns)


def images_table(spec: Specification, scores: Sequence[ImageScores], *, labels: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Records.images` of one specification.

    Parameters
    ----------
    spec
        Its key is (probe, design, template).
    scores
        Per-image results, in chunks.
    labels
        N rows: image_id, cluster, the group attributes and "truth".
    """
    probe, design, template = spec.key
    prediction = np.concatenate([part.prediction for part in scores])
    best = np.concatenate([part.sets for part in scores], axis=1)
    table = labels.assign(
        probe=probe,
        design=design,
        template=template,
        prediction=np.array(spec.classes)[prediction],
        probability=np.concatenate([part.probability for part in scores]),
    )
    # A set without classes in this design has no score.
    return table.assign(
        **{f"score_{name}": np.where(row < 0, np.nan, row) for name, row in zip(spec.sets, best, strict=True)}
    )


Levels = Mapping[str, Sequence[str]]  # the group attributes, and their values in natural order


def join_counts(parts: Sequence[pd.DataFrame], levels: Levels) -> pd.DataFrame:
    """Tables of several probes under each other, in the columns of the contract.

    The group attributes are categorical, so that groups keep their natural order.
    """
    return _join(parts, empty_counts(list(levels)), levels)


def join_excluded(parts: Sequence[pd.DataFrame], levels: Levels) -> pd.DataFrame:
    """Tables of exclusions under each other: probe, reason, the group attributes, n."""
    columns = {name: pd.Series(dtype="str") for name in ("probe", "reason", *levels)}
    return _join(parts, pd.DataFrame(columns | {"n": pd.Series(dtype="int64")}), levels)


def join_optional(name: str, parts: Sequence[pd.DataFrame], levels: Levels) -> pd.DataFrame:
    """Tables of measures, pairs or clusters under each other, in the columns of the contract."""
    return _join(parts, empty_table(name, list(levels)), levels)


def measures_table(table: pd.DataFrame, *, probe: str, kind: str) -> pd.DataFrame:
    """What a kind of probe returned, with its name, and empty what it left out."""
    whole = table.assign(probe=probe, kind=kind)
    for name in ("design", "template", "item", "note"):
        whole[name] = whole.get(name, "")
    for name in ("k", "low", "high", "p", "p_adjusted"):
        whole[name] = whole.get(name, np.nan)
    return whole


def join_images(parts: Sequence[pd.DataFrame], levels: Levels) -> pd.DataFrame:
    """Per-image tables under each other; a set that a probe does not have gives NaN."""
    table = pd.concat(parts, ignore_index=True)
    for name, values in levels.items():
        table[name] = _categorical(table[name].fillna(ALL), values)
    front = [
        "probe",
        "design",
        "template",
        "image_id",
        "cluster",
        *levels,
        TRUTH,
        "prediction",
        "probability",
    ]
    return table[[*front, *(name for name in table if name not in front)]]


def _join(parts: Sequence[pd.DataFrame], empty: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    filled = [
        part.assign(**{name: ALL for name in levels if name not in part}) for part in parts if len(part)
    ]
    whole = [part[list(empty.columns)].astype(empty.dtypes.to_dict()) for part in filled]
    table = pd.concat([empty, *whole], ignore_index=True)
    return table.assign(**{name: _categorical(table[name], values) for name, values in levels.items()})


def _categorical(column: pd.Series, levels: Sequence[str]) -> pd.Series:
    return column.astype(pd.CategoricalDtype([*levels, MISSING, ALL]))
