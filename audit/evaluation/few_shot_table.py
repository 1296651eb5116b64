"""The few-shot curve as a table: the mean over draws with an interval, and the spread of the draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.evaluation.estimates import share


class Point(Protocol):
    """Answers of one draw; see clipmodel.evaluation.linear_probe.few_shot.FewShot."""

    @property
    def shots(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def right(self) -> NDArray[np.bool_]: ...
    @property
    def train_images(self) -> int: ...


def few_shot_table(points: Sequence[Point], *, clusters: Sequence[str] | None = None) -> pd.DataFrame:
    """One row per number of shots.

    Returns
    -------
    shots, draws, train_images, n, accuracy (mean over draws), low, high (95 %, over test images: each image
    counts with the share of draws that get it right), lowest_draw, highest_draw.
    """
    rows = []
    for shots in sorted({point.shots for point in points}):
        own = [point for point in points if point.shots == shots]
        # Each image counts with its share of right draws: draws of one image are no independent images.
        mean = share(np.mean([point.right for point in own], axis=0), clusters)
        by_draw = [float(point.right.mean()) for point in own]
        rows.append(
            {
                "shots": shots,
                "draws": len(own),
                "train_images": max(point.train_images for point in own),
                "n": mean.n,
                "accuracy": mean.value,
                "low": mean.low,
                "high": mean.high,
                "lowest_draw": min(by_draw),
                "highest_draw": max(by_draw),
            }
        )
    return pd.DataFrame(rows)
