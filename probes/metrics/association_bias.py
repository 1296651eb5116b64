"""Association bias: how differently classes are assigned to two groups.

Alabdulmohsin et al. 2024 ("CLIP the Bias") take the mean over labels y, such as occupations, of
|P(y | first group) - P(y | second group)|. A mean of absolute values is above 0 by chance alone, the more so
the fewer images there are: `audit.tables.measure_statistics.differences` says by how much.

Shapes: N images, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class AssociationBias:
    """Association bias, and the difference of each class.

    Attributes
    ----------
    bias
        The mean of absolute differences.
    difference
        [C] share, or mean probability, in the first group less that in the second.
    """

    bias: float
    difference: np.ndarray


def association_bias(assigned: np.ndarray, is_first: np.ndarray) -> AssociationBias:
    """Association bias of two groups.

    Parameters
    ----------
    assigned
        [N, C] whether each class is assigned to each image, or its probability.
    is_first
        [N] bool: whether the image is of the first group; each group has an image or more.
    """
    values, first = np.asarray(assigned, np.float64), np.asarray(is_first, bool)
    # Differences first, absolute values after: opposite directions of two classes must not cancel.
    difference = values[first].mean(axis=0) - values[~first].mean(axis=0)
    return AssociationBias(bias=float(np.abs(difference).mean()), difference=difference)
