"""What a method is compared with: nothing at all, and a random subspace of the rank that the groups span."""

from __future__ import annotations

import numpy as np

from probes.mitigation.fitting import FitData, Method, without
from probes.mitigation.transform import Map, Mitigation


class NoMitigation(Method):
    """Leave the embeddings as they are: whatever changes is noise."""

    name = "none"
    source = "control"
    about = "Leaves the embeddings as they are."
    needs = "nothing"

    def fit(self, data: FitData) -> Mitigation:
        return Mitigation(method=self.name, attribute=data.attribute)


class RandomSubspace(Method):
    """Remove as many random directions as there are groups, from images and texts."""

    name = "random"
    source = "control"
    about = "Removes a random subspace of as many dimensions as the attribute has groups."
    needs = "nothing"

    def fit(self, data: FitData) -> Mitigation:
        rng = np.random.default_rng([data.seed, 1])
        rank = len(data.levels)
        basis, _ = np.linalg.qr(rng.standard_normal((data.images.shape[1], rank)))
        removal = Map(matrix=without(basis.T))
        return Mitigation(
            method=self.name, attribute=data.attribute, image=removal, text=removal, parameters={"rank": rank}
        )
