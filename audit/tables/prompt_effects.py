"""Prompts as a sample of prompts: each rate and gap with the interval for another prompt of their kind.

The interval of a rate or gap says how far it would move with other images. The templates of a suite are a
choice as well: taken as draws from prompts of their kind, their spread says how far it would move with one
more. T prompts of one class design, rule and threshold; S specifications of a probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.statistics.variation.prompt_variance import LEAST_PROMPTS, prompt_effect
from audit.statistics.variation.specification_curve_test import JointCounts
from audit.tables.context import TableContext
from audit.tables.groups.coded_table import JOINT, CodedTable
from audit.tables.groups.joint_outcomes import joint_counts, specification_list
from audit.tables.groups.reference_groups import THE_OVERALL
from clipmodel.array_types import Codes, Floats
from clipmodel.plurals import number_of

OF_PROMPTS: Final = ("design", "rule", "threshold")
"""What is the same for prompts that are compared."""
NUMBERS: Final = ("value", "sd_prompts", "images_low", "images_high", "prompt_low", "prompt_high", "df")
SIZES: Final = ("n_group", "n_reference", "clusters_group", "clusters_reference", "prompts")
PROMPT_COLUMNS: Final = (
    "probe", "outcome", *OF_PROMPTS, "by", "group", "reference", *SIZES, *NUMBERS, "note",
)  # fmt: skip


def prompt_effect_table(context: TableContext, gaps: pd.DataFrame) -> pd.DataFrame:
    """Each rate and gap over the templates of a probe, under one class design, rule and threshold.

    Parameters
    ----------
    context
        Of the records; without outcomes of single images the table is empty: what prompts have in common is
        not known then. If images stand for a population, rates and their covariance are weighted.
    gaps
        As `audit.tables.rates.gap_table` makes it: which group is compared with what.

    Returns
    -------
    Columns `PROMPT_COLUMNS`. A rate has an empty reference, and over all images an empty `by`. `value` is the
    mean over the prompts; images_low and images_high its interval for other images; prompt_low and
    prompt_high that of one further prompt of the kind (`statistics.variation.prompt_variance`). NaN, with the
    reason in `note`, where a side has too few images or clusters, and for another prompt with fewer than
    three.
    """
    rows: list[dict[str, Any]] = []
    outcomes = context.outcomes
    for probe in context.probes if outcomes is not None else ():
        if len({key[1] for key in probe.get("specifications") or ()}) < 2 or outcomes is None:
            continue
        for outcome in probe["outcomes"]:
            own = np.flatnonzero(
                outcomes.having("probe", probe["name"]) & outcomes.having("outcome", outcome["name"])
            )
            if len(own):
                rows += prompt_effects_of(context, probe, outcome["name"], (outcomes, own), gaps)
    table = pd.DataFrame(rows, columns=list(PROMPT_COLUMNS))
    numbers = {*NUMBERS, "threshold"}
    return table.astype(
        {name: "float64" if name in numbers else "int64" if name in SIZES else "str" for name in table}
    )


def prompt_effects_of(
    context: TableContext, probe: Mapping[str, Any], outcome: str, images: tuple[CodedTable, Codes],
    gaps: pd.DataFrame,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The rows of one outcome, from a table of outcomes of single images, and the rows of this one there."""
    specifications, least = specification_list(probe), (context.min_group(probe), context.min_clusters)
    of_outcome = gaps[(gaps["probe"] == probe["name"]) & (gaps["outcome"] == outcome)]
    for by in [(), *map(tuple, probe["groups"])]:
        joint = joint_counts(images[0], specifications, by=by, rows=images[1])
        for group, reference in pairs_to_tell(joint, of_outcome, by):
            for row in _effects(joint, group, reference, least=least):
                yield {"probe": probe["name"], "outcome": outcome, "by": JOINT.join(by), **row}


def pairs_to_tell(joint: JointCounts, gaps: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, str]]:
    """Every group alone (an empty reference), then every gap of a grouping.

    Parameters
    ----------
    gaps
        Of one outcome; a gap from all images, of which the group is a part, is left out.
    """
    named = gaps.loc[gaps["by"] == JOINT.join(by), ["group", "reference"]].drop_duplicates()
    return [(name, "") for name in joint.names] + [
        (str(group), str(reference))
        for group, reference in named.itertuples(index=False)
        if group in joint.names and reference not in ("", THE_OVERALL) and by
    ]


def _effects(
    joint: JointCounts, group: str, reference: str, *, least: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """The rows of a rate, or of a gap where there is a reference: one a design, rule and threshold."""
    n, clusters, values, covariance = sampled(joint, group, reference)
    named = {
        "group": group, "reference": reference, "n_group": n[0], "clusters_group": clusters[0],
        "n_reference": n[1] if reference else 0, "clusters_reference": clusters[1] if reference else 0,
    }  # fmt: skip
    sizes, numbers_of_clusters = (n, clusters) if reference else (n[:1], clusters[:1])
    few = too_few(sizes, numbers_of_clusters, least=least, independent=joint.images is None)
    # Of the side with fewer clusters: the interval is then too long rather than too short.
    freedom = np.inf if joint.images is None else min(numbers_of_clusters) - 1
    rows_of = joint.specifications.reset_index(drop=True)
    for key, rows in rows_of.groupby(list(OF_PROMPTS), sort=False, dropna=False):
        place = rows.index.to_numpy()
        if len(place) < 2:
            continue
        effect = prompt_effect(values[place], covariance[np.ix_(place, place)], freedom=freedom)
        numbers = {
            "value": effect.difference, "sd_prompts": effect.sd_prompts, "images_low": effect.images_low,
            "images_high": effect.images_high, "prompt_low": effect.prompt_low,
            "prompt_high": effect.prompt_high, "df": _finite(effect.degrees_of_freedom),
        }  # fmt: skip
        if few:
            numbers = dict.fromkeys(numbers, np.nan)
        note = few or (f"fewer than {LEAST_PROMPTS} prompts" if len(place) < LEAST_PROMPTS else "")
        yield {**dict(zip(OF_PROMPTS, key, strict=True)), **named, "prompts": len(place), **numbers,
               "note": note}  # fmt: skip


def sampled(
    joint: JointCounts, group: str, reference: str
) -> tuple[tuple[int, int], tuple[int, int], Floats, Floats]:
    """Images and clusters of both sides, the values [S] and their sampling covariance [S, S]."""
    own, other = joint.sides(group, reference or "the rest")
    n = int(own.sum()), int(other.sum())
    clusters = joint.clusters(group, reference or "the rest")
    rates = joint.rates(group, reference or "the rest")
    if not reference:
        return n, clusters, rates[0], joint.rate_covariance(group)
    return n, clusters, rates[0] - rates[1], joint.covariance(group, reference)


def too_few(n: Sequence[int], clusters: Sequence[int], *, least: tuple[int, int], independent: bool) -> str:
    """Why nothing is said, or ""."""
    if min(n) < least[0]:
        return f"fewer than {number_of(least[0], 'image')}"
    if not independent and min(clusters) < least[1]:
        return f"{min(clusters)} clusters: fewer than {least[1]}, too few to say"
    return ""


def _finite(freedom: float) -> float:
    """Degrees of freedom as a table states them: NaN where there is nothing to shorten by."""
    return freedom if np.isfinite(freedom) else np.nan
