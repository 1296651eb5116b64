"""What the persons of a drawn audit answer: counts and moments as a table of predictions gives them.

K persons, P probes, S specifications, T thresholds of the curve, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from audit.calibration.scenarios import CURVE, THRESHOLDS, Drawn
from audit.statistics.clusters.cluster_robust import ClusterMoments
from clipmodel.array_types import Codes, Floats

SPECIFICATIONS: Final = np.array([0.5, *THRESHOLDS])
"""[S] thresholds in the order of the suite: argmax decides at one half."""
CURVE_POINTS: Final = np.linspace(0, 1, CURVE).round(6)


@dataclass(frozen=True, kw_only=True)
class PersonCounts:
    """Counts by person of one audit.

    Attributes
    ----------
    group, tone, images
        [K].
    events
        [P, S, K] images with the event, or their weight.
    curve
        [P, T, K] the same at the points of the curve.
    weight
        [K] of each image of a person: 1 without weights.
    """

    group: Codes
    tone: Codes
    images: Floats
    events: Floats
    curve: Floats
    weight: Floats

    @classmethod
    def of(cls, drawn: Drawn) -> PersonCounts:
        start = np.cumsum(drawn.images) - drawn.images
        weight = drawn.image_weights[start]
        return cls(
            group=drawn.group,
            tone=drawn.tone,
            images=drawn.images.astype(float),
            events=_reached(drawn.scores, SPECIFICATIONS, start) * weight,
            curve=_reached(drawn.scores, CURVE_POINTS, start) * weight,
            weight=weight,
        )

    def among(self, persons: NDArray[np.bool_]) -> PersonCounts:
        """The counts of some of the persons, [K] which."""
        return PersonCounts(
            group=self.group[persons],
            tone=self.tone[persons],
            images=self.images[persons],
            events=self.events[..., persons],
            curve=self.curve[..., persons],
            weight=self.weight[persons],
        )

    def moments(self, events: Floats, persons: NDArray[np.bool_]) -> ClusterMoments:
        """[..., 1] of `events` [..., K] of some persons taken as one group."""
        images, weight = self.images[persons, None], self.weight[persons, None]
        return ClusterMoments.of(events[..., persons, None], images * weight, images * weight**2)


def _reached(scores: Floats, thresholds: Floats, start: Codes) -> Floats:
    """[P, T, K] images of each person whose score reaches a threshold."""
    reached = scores[:, None] >= thresholds[:, None]
    return np.add.reduceat(reached, start, axis=-1, dtype=np.int64).astype(float)


def by_group(counts: PersonCounts, events: Floats, labels: Codes, groups: int) -> ClusterMoments:
    """[..., G] of the groups of the persons' labels."""
    return ClusterMoments.joined([counts.moments(events, labels == g) for g in range(groups)])


def of_the_rest(counts: PersonCounts, events: Floats, labels: Codes, groups: int) -> ClusterMoments:
    """[..., G] of all other persons."""
    return ClusterMoments.joined([counts.moments(events, labels != g) for g in range(groups)])


def stacked(parts: list[ClusterMoments]) -> ClusterMoments:
    """[R, ...] those of R audits."""
    return ClusterMoments(
        **{
            field.name: np.stack([getattr(one, field.name) for one in parts])
            for field in fields(ClusterMoments)
        }
    )
