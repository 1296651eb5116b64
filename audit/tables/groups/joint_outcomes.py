"""The joint counts of outcomes under all specifications of a probe, from `Records.outcomes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from audit.statistics.variation.specification_curve_test import Images, JointCounts
from audit.tables.groups.coded_table import CodedTable
from clipmodel.array_types import Codes
from probes.records import HAPPENED, KEYS, NOT_EVALUATED, WEIGHTED

__all__ = ["joint_counts", "specification_list"]


def specification_list(probe: Mapping[str, Any]) -> pd.DataFrame:
    """The specifications of a probe, columns `KEYS`, in the order of `outcome_bits` of `Records.outcomes`."""
    rows = [(probe["name"], *key) for key in probe["specifications"]]
    return pd.DataFrame(rows, columns=list(KEYS)).astype({"threshold": "float64"})


def joint_counts(
    outcomes: pd.DataFrame | CodedTable,
    specifications: pd.DataFrame,
    *,
    by: Sequence[str],
    rows: Codes | None = None,
) -> JointCounts:
    """Count the bit strings of one outcome by group.

    Parameters
    ----------
    outcomes
        Rows of `Records.outcomes` of one probe and outcome; or the table, of which `rows` are those.
    specifications
        As `specification_list` gives it.
    by
        Attributes that are crossed; images that miss one of them are in no group. Without any, all images
        are one group.
    """
    table = outcomes if isinstance(outcomes, CodedTable) else CodedTable(outcomes)
    own = np.arange(len(table.frame)) if rows is None else rows
    group, names = table.groups(own, by)
    known, group = own[group >= 0], group[group >= 0]
    code, texts = table.codes("outcome_bits")
    present = np.unique(code[known])
    bit_strings, place = np.unique(texts[present], return_inverse=True)
    bit_string = place[np.searchsorted(present, code[known])]
    shape = (len(names), len(bit_strings))
    counts = np.bincount(group * shape[1] + bit_string, minlength=shape[0] * shape[1]).reshape(shape)
    characters = np.array([list(text) for text in bit_strings], dtype="U1").reshape(-1, len(specifications))
    counted = ~(characters == NOT_EVALUATED).all(axis=0)
    cluster, clusters = pd.factorize(table.codes("cluster")[0][known])
    several = len(clusters) < len(known)
    weight = None
    if WEIGHTED[0] in table.frame:
        weight = table.frame[WEIGHTED[0]].to_numpy(dtype=float)[known]
    images = Images(group=group, bit_string=bit_string, cluster=cluster, weight=weight)
    return JointCounts(
        specifications=specifications.loc[counted, list(KEYS)].reset_index(drop=True),
        bits=(characters[:, counted] == HAPPENED).astype(np.int64),
        counts=counts.astype(np.int64),
        names=names,
        images=images if several or weight is not None else None,
    )
