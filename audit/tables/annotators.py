"""Gaps along attributes that several people annotated, with their disagreement in the interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from audit.statistics.variation.annotator_disagreement import NONE, imputed_difference
from audit.tables.context import TableContext
from audit.tables.groups.joint_outcomes import specification_list
from probes.records import HAPPENED, MISSING, NOT_EVALUATED
from probes.records.schemas import SCHEMAS


def annotator_table(context: TableContext, annotations: pd.DataFrame | None) -> pd.DataFrame:
    """One row per probe, outcome and group of an attribute with several annotators.

    Parameters
    ----------
    annotations
        `Records.annotations`; None if no attribute has several annotators.

    Returns
    -------
    The columns of the schema "annotators", in the first specification of a probe. `majority_difference` is
    the gap by the labels that the rest of the audit uses, against all other labelled images; `difference`,
    `low` and `high` are those of `annotator_disagreement.imputed_difference`. NaN where a side has fewer
    images than the probe's min_group.
    """
    schema = SCHEMAS["annotators"]
    if annotations is None or context.outcomes is None or context.weighted:
        return schema.empty()
    rows = [
        row
        for probe in context.probes
        for by in probe["groups"]
        if len(by) == 1 and by[0] in set(annotations["attribute"])
        for row in _of_grouping(context, probe, by[0], annotations[annotations["attribute"] == by[0]])
    ]
    return schema.conform(pd.DataFrame(rows)) if rows else schema.empty()


def _of_grouping(
    context: TableContext, probe: Mapping[str, Any], by: str, annotations: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    assert context.outcomes is not None
    first = specification_list(probe).iloc[0]
    said = annotations.pivot(index="image", columns="annotator", values="said")
    for outcome in probe["outcomes"]:
        table = context.outcomes
        own = table.frame[table.having("probe", probe["name"]) & table.having("outcome", outcome["name"])]
        character = own["outcome_bits"].str[0]
        own, character = own[character != NOT_EVALUATED], character[character != NOT_EVALUATED]
        event = (character == HAPPENED).to_numpy()
        labels = own[by].astype("str").to_numpy(dtype=object)
        words = said.reindex(own["image"]).to_numpy(dtype=object)
        levels = [name for name in dict.fromkeys(labels) if name != MISSING]
        codes = {name: code for code, name in enumerate(sorted(levels))}
        votes = np.array([[codes.get(word, NONE) for word in row] for row in words], dtype=np.int64)
        clusters = pd.factorize(own["cluster"])[0]
        for group, code in codes.items():
            yield {
                "probe": probe["name"], "outcome": outcome["name"],
                **{name: first[name] for name in ("design", "template", "rule", "threshold")},
                "by": by, "group": group, "annotators": votes.shape[1],
                **_row(event, labels, votes, clusters, group=group, code=code, context=context, probe=probe),
            }  # fmt: skip


def _row(
    event: np.ndarray, labels: np.ndarray, votes: np.ndarray, clusters: np.ndarray, *, group: str, code: int,
    context: TableContext, probe: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    own, rest = labels == group, (labels != group) & (labels != MISSING)
    least = context.min_group(probe)
    if min(own.sum(), rest.sum()) < least:
        numbers = dict.fromkeys(
            ("majority_difference", "difference", "low", "high", "share_of_variance"), np.nan
        )
        note = f"fewer than {least} images on a side"
        return {"n": int((votes != NONE).any(axis=1).sum()), **numbers, "disagreement": np.nan, "note": note}
    found = imputed_difference(event, votes, group=code, clusters=clusters, seed=context.seed)
    return {
        "n": found.n, "majority_difference": float(event[own].mean() - event[rest].mean()),
        "difference": found.difference, "low": found.low, "high": found.high,
        "share_of_variance": found.share_of_variance, "disagreement": found.disagreement, "note": "",
    }  # fmt: skip
