"""Deterministic re-ranking: every prefix of a ranking gets each group's share (Geyik et al. 2019).

Nothing is fitted. A method sees the groups of the images in the order of their scores, and the share that
each group is to have; among the best remaining images of each group it takes the next one by a rule. The
order of the scores within a group stays.

Shapes: R rankings, N places, G groups, K places that are filled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from clipmodel.array_types import Bools, Floats, Integers

__all__ = ["NOBODY", "RERANKERS", "DetCons", "DetGreedy", "DetRelaxed", "Reranker"]

NOBODY = -1
"""The group of a place that is filled up: there is no image."""
ROUNDING = 1e-9
"""k p is a whole number up to this."""


class Reranker(ABC):
    """A rule for the next image if no group is behind: `name`, `source`, `about`, `_allowed`."""

    name: ClassVar[str]
    source: ClassVar[str] = "Geyik, Ambler & Kenthapadi 2019, arXiv 1905.01989, algorithms 1 and 2"
    about: ClassVar[str]
    caution: ClassVar[str] = (
        "It needs the group of every image at use, and to treat persons differently by a protected attribute "
        "is often unlawful."
    )

    def order(self, ranked: Integers, target: Floats, *, places: int | None = None) -> NDArray[np.int64]:
        """The places of the images in the new order.

        Parameters
        ----------
        ranked
            [R, N] groups of the images, 0 ... G-1, the highest score first; `NOBODY` at the end of a ranking
            that has fewer images.
        target
            [G] or [R, G] the share that each group is to have.
        places
            K that are filled; all N if left out.

        Returns
        -------
        [R, K] indices into the columns of `ranked`; N where a ranking has no image left.

        Notes
        -----
        At place k a group is behind if it has fewer than floor(k p) images, and may come if it has fewer than
        ceil(k p). Groups that are behind come first, the one whose next image has the highest score. A group
        without images left takes no part; if no group may come, every group with images may.
        """
        rankings, n = ranked.shape
        groups = np.shape(target)[-1]
        target = np.broadcast_to(np.asarray(target, dtype=np.float64), (rankings, groups))
        heads = _Heads(ranked, groups)
        found = np.full((rankings, n if places is None else min(places, n)), n, dtype=np.int64)
        for k in range(1, found.shape[1] + 1):
            left, head = heads.next()
            most = np.ceil(k * target - ROUNDING)
            behind = left & (heads.taken < np.floor(k * target + ROUNDING))
            may = left & (heads.taken < most)
            allowed = np.where(_some(behind), behind, self._allowed(may, most, target))
            allowed = np.where(_some(allowed), allowed, left)
            group = np.where(allowed, head, n).argmin(axis=1)
            found[:, k - 1] = heads.take(group)
        return found

    @abstractmethod
    def _allowed(self, may: Bools, most: Floats, target: Floats) -> Bools:
        """[R, G] of the groups that may come, those of which the highest score is taken."""


class DetGreedy(Reranker):
    """The highest score of all groups that may come."""

    name = "det_greedy"
    about = (
        "Re-ranks: fills up groups that are behind, and otherwise takes the highest score that is allowed."
    )

    def _allowed(self, may: Bools, most: Floats, target: Floats) -> Bools:
        return may


class DetCons(Reranker):
    """The group that would fall behind soonest: the least ceil(k p) / p."""

    name = "det_cons"
    about = "Re-ranks: takes the group that would fall behind soonest."

    def _allowed(self, may: Bools, most: Floats, target: Floats) -> Bools:
        return _least(_due(most, target), may)


class DetRelaxed(Reranker):
    """The highest score of the groups that would fall behind first: of the least ceil(ceil(k p) / p)."""

    name = "det_relaxed"
    about = "Re-ranks: takes the highest score of the groups that would fall behind at the soonest place."

    def _allowed(self, may: Bools, most: Floats, target: Floats) -> Bools:
        return _least(np.ceil(_due(most, target) - ROUNDING), may)


RERANKERS: dict[str, type[Reranker]] = {
    method.name: method for method in (DetGreedy, DetCons, DetRelaxed)
}  # fmt: skip


def _due(most: Floats, target: Floats) -> Floats:
    """[R, G] the place at which a group is owed as many images as it may have now; never for a share of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(target > 0, most / target, np.inf)


def _least(value: Floats, among: Bools) -> Bools:
    """[R, G] which of some groups have the least value."""
    shown = np.where(among, value, np.inf)
    least = shown <= shown.min(axis=1, keepdims=True) + ROUNDING
    return np.asarray(among & least, dtype=bool)


def _some(which: Bools) -> Bools:
    """[R, 1] whether any group of a ranking is."""
    return np.asarray(which.any(axis=1, keepdims=True), dtype=bool)


class _Heads:
    """The best remaining image of each group of R rankings."""

    def __init__(self, ranked: Integers, groups: int) -> None:
        rankings, self.n = ranked.shape
        # Grouped, and within a group in the order of the ranking; those of nobody come first and are skipped.
        self.grouped = np.argsort(ranked, axis=1, kind="stable")
        self.sizes = np.stack([(ranked == group).sum(axis=1) for group in range(groups)], axis=1)
        nobody = (ranked == NOBODY).sum(axis=1, keepdims=True)
        self.starts = nobody + np.cumsum(self.sizes, axis=1) - self.sizes
        self.taken = np.zeros_like(self.sizes)
        self.rows = np.arange(rankings)

    def next(self) -> tuple[Bools, Integers]:
        """[R, G] whether a group has images left, and the place of its best one, N if it has none."""
        left = self.taken < self.sizes
        place = np.where(left, self.starts + self.taken, 0)
        head = np.take_along_axis(self.grouped, place, axis=1)
        return left, np.where(left, head, self.n)

    def take(self, group: Integers) -> Integers:
        """[R] the place of the best image of a group, which is then gone; N if it has none."""
        left, head = self.next()
        chosen: Integers = head[self.rows, group]
        self.taken[self.rows, group] += left[self.rows, group]
        return chosen
