"""Halving: the part of an image embedding that groups differ in, at half its length."""

from __future__ import annotations

import numpy as np

from probes.mitigation.fitting import FitData, Method, subspace, without
from probes.mitigation.transform import Map, Mitigation


class Halving(Method):
    """Shorten the part of image embeddings in the span of the differences of group means."""

    name = "halving"
    source = "made for a test"
    about = "Halves what the means of groups differ in."

    def fit(self, data: FitData) -> Mitigation:
        away = without(subspace(data.group_means[1:] - data.group_means[0]))
        half = Map(matrix=(away + np.eye(len(away))) / 2)
        return Mitigation(method=self.name, attribute=data.attribute, image=half)
