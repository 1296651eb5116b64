"""Paired changes by group, from the joint counts of two ways of answering on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.conclusions.gates import EVERYBODY
from audit.statistics.multiplicity import holm
from audit.statistics.paired import mcnemar_p, newcombe_paired
from audit.tables.context import TableContext
from audit.tables.group_counts import JOINT
from audit.tables.way_tests import WAY_KEYS, WAY_TESTS, way_test_table
from probes.records import MISSING

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TABLE: Final = ("both", "only_first", "only_second", "neither")
OF_CHANGE: Final = (
    "by", "group", "n", *TABLE, "rate_first", "rate_second", "change", "low", "high",
    "p", "p_adjusted", "design_effect", "note",
)  # fmt: skip
PAIR_KEYS: Final = (
    "probe", "rule", "threshold", "outcome", "design", "template", "other_design", "other_template",
)  # fmt: skip
PAIRED_COLUMNS: Final = (*PAIR_KEYS, *OF_CHANGE[:-1], "all_ways_p", "note")
_ESTIMATES = ["rate_first", "rate_second", "change", "low", "high", "p", "design_effect"]


def paired_table(context: TableContext) -> pd.DataFrame:
    """What another class design or template changes for each group, image by image.

    Parameters
    ----------
    context
        Of the records: its pairs hold the first specification of a probe against each other one; its outcomes
        of single images, if the run kept them, what pairs alone cannot say: design effects and the test of
        all specifications at once.

    Returns
    -------
    Columns `PAIRED_COLUMNS`: `design` and `template` are the first's, `other_design` and `other_template` the
    second's; the rest as `change_table` makes it. `all_ways_p` is Cochran's Q: whether the rate of the group
    is the same under all designs and templates of the rule and threshold (`tables.way_tests`); with two ways
    it is p of the pair, without outcomes NaN.
    """
    tables, pairs, outcomes = [], context.pairs, context.outcomes
    for probe in context.probes:
        own = pd.DataFrame() if pairs is None else pairs[pairs["probe"] == probe["name"]]
        parts = [
            joint_by_group(own, by, keys=PAIR_KEYS)
            for by in [[], *probe["groups"]]
            if len(own) and probe["outcomes"]
        ]
        if parts:
            counts = _with_way_tests(pd.concat(parts, ignore_index=True), probe, outcomes)
            table = change_table(counts, keys=PAIR_KEYS, least=context.min_group(probe))
            ways = table.groupby([*PAIR_KEYS[:-2], "by", "group"], dropna=False)["n"].transform("size")
            only = (ways == 1) & (outcomes is not None)
            table["all_ways_p"] = table["all_ways_p"].where(~only, table["p"]).where(table["p"].notna())
            tables.append(table)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PAIRED_COLUMNS))
    whole, numbers = {"n", *TABLE}, {"threshold", "p_adjusted", "all_ways_p", *_ESTIMATES}
    dtypes = {
        name: "int64" if name in whole else "float64" if name in numbers else "str" for name in PAIRED_COLUMNS
    }
    return table[list(PAIRED_COLUMNS)].astype(dtypes)


def _with_way_tests(
    counts: pd.DataFrame, probe: Mapping[str, Any], outcomes: pd.DataFrame | None
) -> pd.DataFrame:
    """Joint counts with the design effect and the test of all ways of their group; NaN without outcomes."""
    if outcomes is None:
        return counts.assign(**dict.fromkeys(WAY_TESTS, np.nan))
    keys = list(WAY_KEYS)
    words = dict.fromkeys([name for name in keys if name != "threshold"], "str") | {"threshold": "float64"}
    return counts.astype(words).merge(
        way_test_table(outcomes, probe).astype(words), on=keys, how="left", validate="one_to_one"
    )


def joint_by_group(counts: pd.DataFrame, by: Sequence[str], *, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Add up the columns of `TABLE` by group; rows that miss an attribute are in no group.

    Parameters
    ----------
    counts
        Rows of images or cells: the columns of `TABLE`, the attributes, and `keys`.
    by
        The attributes that are crossed; none for all images.
    """
    known = counts[(counts[list(by)] != MISSING).all(axis=1)]
    group: pd.Series | str = EVERYBODY
    if by:
        values = known[list(by)].astype("str")
        group = values.iloc[:, 0]
        if len(by) > 1:
            group = group.str.cat(values.iloc[:, 1:], sep=JOINT)
    groups = known.assign(group=group).groupby([*keys, "group"], sort=False, dropna=False, observed=True)
    return groups[list(TABLE)].sum().reset_index().assign(by=JOINT.join(by))


def change_table(counts: pd.DataFrame, *, keys: Sequence[str], least: int) -> pd.DataFrame:
    """Rates, paired change, interval and p of joint counts.

    Parameters
    ----------
    counts
        As `joint_by_group` makes them, with the columns of `keys`; `design_effect` where images of a cluster
        are known to go together. Without it images are taken as independent, and the column is NaN.
    keys
        With `by`, the family within which p-values are adjusted.
    least
        Images that a group needs; below, the estimates are NaN and the note says so.

    Returns
    -------
    The rows with the other columns of `OF_CHANGE`. `change` is the second rate less the first, with
    Newcombe's paired 95 % interval. `p` is McNemar's exact one, `p_adjusted` Holm's over a family. Interval
    and p are of the counts over the design effect.
    """
    table = counts.astype(dict.fromkeys(TABLE, "int64"))
    both, first, second, neither = (table[name].to_numpy() for name in TABLE)
    n = both + first + second + neither
    if "design_effect" not in table:
        table = table.assign(design_effect=np.nan)
    effect = np.nan_to_num(table["design_effect"].to_numpy(dtype=float), nan=1.0)
    low, high = newcombe_paired(*(cell / effect for cell in (both, first, second, neither)))
    with np.errstate(invalid="ignore"):
        table = table.assign(n=n, rate_first=(both + first) / n, rate_second=(both + second) / n)
    table = table.assign(change=table["rate_second"] - table["rate_first"], low=-high, high=-low)
    table["p"] = mcnemar_p(*_whole(first, second, effect))
    table.loc[n < least, _ESTIMATES] = np.nan
    families = table.groupby([*keys, "by"], dropna=False, sort=False)["p"]
    table["p_adjusted"] = families.transform(lambda p: holm(p.to_numpy()))
    reason = np.where(n == 0, "no images", np.where(n < least, f"fewer than {least} images", ""))
    return table.assign(note=pd.Series(reason, index=table.index, dtype="str"))


def _whole(first: Integers, second: Integers, effect: Floats) -> tuple[Integers, Integers]:
    """Effective images that changed either way, rounded down in all: McNemar's test counts images."""
    changed = first + second
    kept = np.floor(changed / effect)
    share = np.divide(first, changed, out=np.zeros(len(first)), where=changed > 0)
    fewer = np.rint(share * kept).astype(np.int64)
    return fewer, kept.astype(np.int64) - fewer
