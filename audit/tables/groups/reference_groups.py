"""What a group is compared with: a named group, the rest, the overall rate, or the best group.

S specifications, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.tables.groups.group_counts import JOINT, GroupCounts
from clipmodel.array_types import Floats
from probes.records import BEST, OVERALL, REST

Counts = NDArray[np.int64]

THE_REST, THE_OVERALL = "the rest", "all images"
BEST_NOTE = "the reference is chosen by the data: the interval holds for all pairs of groups at once"


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The two sides of the contrasts of one split.

    Attributes
    ----------
    kind
        "group", or one of the special words of a suite's `references`.
    names
        [S, G] the reference of each contrast, as the tables name it.
    index
        [S, G] the position of the reference, -1 where it is no single group.
    n, count
        [S, G] of the reference. Of the overall rate, those of the rest: the group is a part of the whole, and
        its difference from the whole is its difference from the rest times the share of the rest.
    is_reference
        [S, G] whether the group is the reference itself.
    """

    kind: str
    names: NDArray[np.object_]
    index: NDArray[np.intp]
    n: Counts
    count: Counts
    is_reference: NDArray[np.bool_]

    @staticmethod
    def pairs(n: Counts, *, least: int) -> int:
        """Pairs of groups [S, G] with enough images in some specification."""
        groups = int(np.count_nonzero(n.max(axis=0, initial=0) >= least))
        return groups * (groups - 1) // 2


def reference_sides(
    groups: GroupCounts, references: Mapping[str, str], *, least: int, rates: Floats | None = None
) -> Sides:
    """Resolve `references` for one split of the groups.

    Where the attributes that are crossed all say "(overall)" or "(best)", that holds. Where all name a group,
    their crossing is the reference if it occurs. In every other case it is the rest.

    Parameters
    ----------
    references
        From attribute to a group, "(rest)", "(overall)" or "(best)".
    least
        Images that the best group needs.
    rates
        [S, G] by which the best group is chosen: the weighted ones, if images stand for a population.
    """
    n, count = groups.n.sum(axis=2), groups.count.sum(axis=2)
    kind, named = reference_of(groups, references)
    if kind == "group":
        index = np.full(n.shape, named, dtype=np.intp)
    elif kind == BEST:
        index = np.repeat(_lowest_rate(n, count, rates, least=least)[:, None], n.shape[1], axis=1)
    else:
        return _against_the_rest(groups, kind, n, count)
    own = np.arange(n.shape[1])[None, :] == index
    names = np.array([*groups.names, ""], dtype=object)[index]
    found = index >= 0
    n_other, count_other = (
        np.where(found, np.take_along_axis(a, np.maximum(index, 0), axis=1), 0) for a in (n, count)
    )
    return Sides(kind=kind, names=names, index=index, n=n_other, count=count_other, is_reference=own)


def _against_the_rest(groups: GroupCounts, kind: str, n: Counts, count: Counts) -> Sides:
    names = np.full(n.shape, THE_OVERALL if kind == OVERALL else THE_REST, dtype=object)
    index = np.full(n.shape, -1, dtype=np.intp)
    occupied = np.flatnonzero(n.max(axis=0, initial=0) > 0)
    if kind == REST and len(occupied) == 2:
        first, second = occupied
        names[:, first], names[:, second] = groups.names[second], groups.names[first]
        index[:, first], index[:, second] = second, first
    n_other, count_other = (a.sum(axis=1, keepdims=True) - a for a in (n, count))
    return Sides(
        kind=kind, names=names, index=index, n=n_other, count=count_other,
        is_reference=np.zeros(n.shape, dtype=bool),
    )  # fmt: skip


def reference_kind(groups: GroupCounts, references: Mapping[str, str]) -> str:
    """ "group", or one of the special words of a suite's `references`."""
    return reference_of(groups, references)[0]


def reference_of(groups: GroupCounts, references: Mapping[str, str]) -> tuple[str, int]:
    """The kind of reference, and the position of a named group."""
    values = [references.get(name, REST) for name in groups.by]
    for special in (OVERALL, BEST):
        if all(value == special for value in values):
            return special, -1
    joined = JOINT.join(map(str, values))
    return ("group", groups.names.index(joined)) if joined in groups.names else (REST, -1)


def _lowest_rate(n: Counts, count: Counts, rates: Floats | None, *, least: int) -> NDArray[np.intp]:
    """The group in which the event is rarest, in each specification; -1 where none has enough images.

    Of equal rates the largest group: it says so with the most certainty.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(n >= least, count / n if rates is None else rates, np.inf)
    order = np.lexsort((-n, rate), axis=1)[:, 0]
    return np.where(np.isfinite(rate).any(axis=1), order, -1)
