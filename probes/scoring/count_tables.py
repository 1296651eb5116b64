"""Arrays of counts into the tidy tables of `probes.records`.

Shapes: G cells, C classes, T thresholds, K points of the curve, N images, M pairs of cell and cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes.planning.image_selection import TRUTH
from probes.records import ALL, MISSING, WEIGHTED, empty_counts, empty_table
from probes.records.schemas import RECORDS
from probes.rules.rule_registry import CURVE
from probes.scoring.count_accumulator import Counts
from probes.scoring.engine import ImageScores, PromptConfiguration
from probes.scoring.threshold_lookup import RuleThresholds


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a probe.

    Attributes
    ----------
    labels
        G rows: the group attributes and "truth".
    n
        [G] images of each.
    """

    labels: pd.DataFrame
    n: np.ndarray


def counts_table(
    configuration: PromptConfiguration, counts: Counts, *, cells: Cells, rules: Sequence[RuleThresholds]
) -> pd.DataFrame:
    """The rows of `Records.counts` of one specification.

    Parameters
    ----------
    configuration
        Its key is (probe, design, template).
    counts
        What the engine counted.
    cells
        Of the probe.
    rules
        Those that were counted.
    """
    events = _events(configuration.classes, counts.events)
    parts = [
        _rows(configuration, rule.name, rule.thresholds, cells, events, counts.hits[rule.name])
        for rule in rules
    ]
    return pd.concat(parts, ignore_index=True)


def curve_table(
    configuration: PromptConfiguration, counts: Counts, *, cells: Cells, thresholds: np.ndarray
) -> pd.DataFrame:
    """The rows of `Records.curves` of one specification, at the thresholds [K] of the curve."""
    return _rows(configuration, CURVE.name, thresholds, cells, _events((), counts.events), counts.curve)


def _events(classes: Iterable[str], events: Iterable[str]) -> pd.DataFrame:
    pairs = [("class", name) for name in classes] + [("set", name) for name in events]
    return pd.DataFrame(pairs, columns=["event_kind", "event"], dtype="str")


def _rows(
    configuration: PromptConfiguration,
    rule: str,
    thresholds: np.ndarray,
    cells: Cells,
    events: pd.DataFrame,
    counts: np.ndarray,
) -> pd.DataFrame:
    """One row per threshold, cell and event, zero counts kept; counts are [T, G, events]."""
    t, g, e = (axis.ravel() for axis in np.indices(counts.shape))
    probe, design, template = configuration.key
    columns = {
        "probe": probe,
        "design": design,
        "template": template,
        "rule": rule,
        "threshold": thresholds[t],
        # `take` on the array keeps its type; indexing the frame would build a new index for millions of rows.
        **{name: cells.labels[name].array.take(g) for name in cells.labels},
        **{name: events[name].array.take(e) for name in events},
        "n": cells.n[g],
        "count": counts.ravel(),
    }
    return pd.DataFrame(columns)


def pairs_table(
    first: PromptConfiguration,
    second: PromptConfiguration,
    counts: Counts,
    *,
    cells: Cells,
    rules: Sequence[RuleThresholds],
    outcomes: Sequence[str],
) -> pd.DataFrame:
    """The rows of `Records.pairs` of two configurations, of which `counts` are the second's."""
    own, number = _without_truth(cells)
    parts = []
    for rule in rules:
        o, t, g = (axis.ravel() for axis in np.indices((len(outcomes), len(rule.thresholds), len(own.n))))
        table = own.labels.iloc[g].reset_index(drop=True)
        finest = counts.pairs[rule.name]  # [O, T, G, 4], by truth too
        # Pairs do not depend on the truth; without it the table has fewer rows by the number of truths.
        joint = np.stack([finest[:, :, number == i].sum(axis=2) for i in range(len(own.n))], axis=2)
        parts.append(
            table.assign(
                probe=first.key[0], rule=rule.name, threshold=rule.thresholds[t],
                outcome=np.array(outcomes, object)[o],
                design=first.key[1], template=first.key[2],
                other_design=second.key[1], other_template=second.key[2],
                n=own.n[g], both=joint[..., 3].ravel(), only_first=joint[..., 2].ravel(),
                only_second=joint[..., 1].ravel(), neither=joint[..., 0].ravel(),
            )
        )  # fmt: skip
    joined: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return joined


def _without_truth(cells: Cells) -> tuple[Cells, np.ndarray]:
    """The cells, those that differ in truth only as one, and the number [G] of the one each goes into."""
    names = [name for name in cells.labels if name != TRUTH]
    if not names:
        number = np.zeros(len(cells.labels), int)
        labels = pd.DataFrame(index=range(1))
    else:
        groups = cells.labels.groupby(names, sort=False)
        number = groups.ngroup().to_numpy()
        labels = groups.size().index.to_frame(index=False)
    return Cells(labels=labels, n=np.bincount(number, cells.n).astype(np.int64)), number


def images_table(
    configuration: PromptConfiguration, scores: Sequence[ImageScores], *, labels: pd.DataFrame
) -> pd.DataFrame:
    """The rows of `Records.images` of one specification.

    Parameters
    ----------
    configuration
        Its key is (probe, design, template).
    scores
        Per-image results, in chunks.
    labels
        N rows: image_id, cluster, the group attributes and "truth".
    """
    probe, design, template = configuration.key
    prediction = np.concatenate([part.prediction for part in scores])
    best = np.concatenate([part.sets for part in scores], axis=1)
    table = labels.assign(
        probe=probe,
        design=design,
        template=template,
        prediction=np.array(configuration.classes)[prediction],
        probability=np.concatenate([part.probability for part in scores]),
    )
    # A set without classes in this design has no score.
    return table.assign(
        **{
            f"score_{name}": np.where(row < 0, np.nan, row)
            for name, row in zip(configuration.sets, best, strict=True)
        }
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
    # Every image of a group may have been lost: its value is none of the levels then.
    found = {
        name: [value for part in parts if name in part for value in part[name].unique()] for name in levels
    }
    levels = {
        name: list(dict.fromkeys([*known, *(str(one) for one in found[name] if one not in (MISSING, ALL))]))
        for name, known in levels.items()
    }
    return _join(parts, pd.DataFrame(columns | {"n": pd.Series(dtype="int64")}), levels)


def join_optional(name: str, parts: Sequence[pd.DataFrame], levels: Levels) -> pd.DataFrame:
    """Tables of estimands, pairs or clusters under each other, in the columns of the contract.

    Columns of weights, and others that are optional, follow if the tables have some.
    """
    empty = empty_table(name, list(levels))
    known = dict.fromkeys(WEIGHTED, "float64") | {one.name: one.dtype for one in RECORDS[name].optional}
    more = dict.fromkeys(each for part in parts for each in part.columns if each in known)
    return _join(parts, empty.assign(**{each: pd.Series(dtype=known[each]) for each in more}), levels)


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
    # The empty table first: it gives names and types where no probe has rows.
    table = pd.concat([empty, *whole], ignore_index=True)
    return table.assign(**{name: _categorical(table[name], values) for name, values in levels.items()})


def _categorical(column: pd.Series, levels: Sequence[str]) -> pd.Series:
    return column.astype(pd.CategoricalDtype([*levels, MISSING, ALL]))
