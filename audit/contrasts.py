"""One group against another, or against the rest: difference, ratio, p, and what could have been seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.counts import JOINT, GroupCounts
from audit.intervals import katz, koopman, newcombe
from audit.multiplicity import holm
from audit.power import cautious_rate, smallest_detectable_gap
from audit.significance import two_sided_p

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

THE_REST = "the rest"
ESTIMATES = (
    "rate_group", "rate_reference", "difference", "difference_low", "difference_high",
    "ratio", "ratio_low", "ratio_high", "p", "p_adjusted", "smallest_detectable",
)  # fmt: skip
CONTRAST_COLUMNS = ("group", "by", "reference", "n_group", "n_reference", *ESTIMATES, "note")


def contrasts(
    groups: GroupCounts, *, attributes: Sequence[str], references: Mapping[str, str], least: int
) -> pd.DataFrame:
    """The gaps of one specification of groups, a row a specification and group that is no reference.

    Parameters
    ----------
    attributes
        All group attributes: one column each.
    references
        From attribute to the value that the others are compared with. Where it lacks one of the crossed
        attributes, or names a group that does not occur, each group is compared with the rest.
    least
        Images that each side needs.

    Returns
    -------
    Columns `SPECIFICATION`, the attributes, `CONTRAST_COLUMNS`; NaN and the reason where a side is too small.
    """
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    reference = reference_index(groups, references)
    if reference is None:
        n_other, count_other = (a.sum(axis=1, keepdims=True) - a for a in (n, count))
    else:
        n_other, count_other = (np.broadcast_to(a[:, [reference]], a.shape) for a in (n, count))
    is_reference = np.arange(n.shape[1]) == (-1 if reference is None else reference)
    enough = (n >= least) & (n_other >= least) & ~is_reference
    sides = (count, np.where(enough, n, 0), count_other, np.where(enough, n_other, 0))
    estimates = contrast_estimates(*sides)
    pair = _only_pair(n) if reference is None else ()
    # Two groups that are each other's rest make one contrast in two rows.
    estimates["p_adjusted"] = estimates["p"] if pair else holm(estimates["p"])
    table = groups.frame(attributes).drop(columns=["n", "count"])
    table = table.assign(
        group=_words(groups.names, len(n)),
        by=_words([JOINT.join(groups.by)], n.size),
        reference=_words(_reference_names(groups.names, reference, pair), len(n)),
        n_group=n.ravel(),
        n_reference=n_other.ravel(),
        **{name: estimates[name].ravel() for name in ESTIMATES},
        note=_words(list(_notes(count, n, count_other, n_other, least=least).ravel())),
    )
    return table[~np.tile(is_reference, len(n))].reset_index(drop=True)


def contrast_estimates(x1: Counts, n1: Counts, x2: Counts, n2: Counts) -> dict[str, Floats]:
    """All of `ESTIMATES` but `p_adjusted`, of the arrays' shape; NaN where either n is 0."""
    x1, x2 = np.minimum(x1, n1), np.minimum(x2, n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p1, p2 = x1 / n1, x2 / n2
        ratio = p1 / p2
    low, high = newcombe(x1, n1, x2, n2)
    ratio_low, ratio_high = ratio_interval(x1, n1, x2, n2)
    both = (n1 > 0) & (n2 > 0)
    any_event = x1 + x2 > 0
    return {
        "rate_group": np.where(both, p1, np.nan),
        "rate_reference": np.where(both, p2, np.nan),
        "difference": p1 - p2,
        "difference_low": low,
        "difference_high": high,
        # JSON has no infinity, and a ratio without any event is none.
        "ratio": np.where(np.isfinite(ratio), ratio, np.nan),
        "ratio_low": np.where(any_event, ratio_low, np.nan),
        "ratio_high": np.where(np.isfinite(ratio_high), ratio_high, np.nan),
        "p": two_sided_p(x1, n1, x2, n2),
        "smallest_detectable": np.where(
            both, smallest_detectable_gap(cautious_rate(x1 + x2, n1 + n2), n1, n2), np.nan
        ),
    }


def ratio_interval(x1: Counts, n1: Counts, x2: Counts, n2: Counts) -> tuple[Floats, Floats]:
    """Katz's 95 % interval of the ratio, Koopman's where a cell of the 2 x 2 table is 0."""
    low, high = katz(x1, n1, x2, n2)
    zero = _any_zero_cell(x1, n1, x2, n2)
    if zero.any():
        low[zero], high[zero] = koopman(x1[zero], n1[zero], x2[zero], n2[zero])
    return low, high


def reference_index(groups: GroupCounts, references: Mapping[str, str]) -> int | None:
    """Position of the group that the suite names as reference; None where it names none."""
    if any(name not in references for name in groups.by):
        return None
    named = JOINT.join(str(references[name]) for name in groups.by)
    return groups.names.index(named) if named in groups.names else None


def _only_pair(n: Counts) -> tuple[int, ...]:
    """Positions of the two groups that have images; empty where there are more or fewer."""
    occupied = np.flatnonzero(n.max(axis=0, initial=0) > 0)
    return tuple(occupied.tolist()) if len(occupied) == 2 else ()


def _reference_names(names: list[str], reference: int | None, pair: tuple[int, ...]) -> list[str]:
    if reference is not None:
        return [names[reference]] * len(names)
    others = {group: names[other] for group, other in zip(pair, reversed(pair), strict=True)}
    return [others.get(group, THE_REST) for group in range(len(names))]


def _words(values: list[str], times: int = 1) -> pd.Series:
    return pd.Series(values * times, dtype="str")


def _any_zero_cell(x1: Counts, n1: Counts, x2: Counts, n2: Counts) -> NDArray[np.bool_]:
    return (x1 == 0) | (x2 == 0) | (x1 == n1) | (x2 == n2)


def _notes(x1: Counts, n1: Counts, x2: Counts, n2: Counts, *, least: int) -> NDArray[np.object_]:
    return np.select(
        [
            n1 == 0,
            n1 < least,
            n2 < least,
            (x1 == 0) & (x2 == 0),
            x2 == 0,
            _any_zero_cell(x1, n1, x2, n2),
        ],
        [
            "no images",
            f"fewer than {least} images",
            f"fewer than {least} images in the reference",
            "no event in either group: no ratio",
            "no event in the reference: the ratio has no upper limit",
            "ratio interval by Koopman's score: a cell is zero",
        ],
        default="",
    ).astype(object)
