"""Images that are held out of exploration, on which its findings are tested a second time."""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from clipmodel.errors import UserError
from clipmodel.yaml_models import StrictModel, closest
from probes.datasets.demographic_dataset import DemographicDataset
from probes.suite.validation_errors import misplaced
from probes.suite.values import Attribute, Value


class Confirmation(StrictModel):
    """Images that exploration does not see, on which its findings are tested once more."""

    attribute: Attribute = Field(default="", description="Images with certain values of this attribute ...")
    values: list[Value] = Field(
        default=[], description="... namely these; others, and missing ones, explore."
    )
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = Field(
        default=None, description="Or a share of the clusters, drawn by the suite's seed."
    )

    @model_validator(mode="after")
    def _check(self) -> Confirmation:
        by_attribute = bool(self.attribute and self.values)
        if by_attribute == (self.share is not None) or bool(self.attribute) != bool(self.values):
            message = "a confirmation needs an attribute with values, or a share"
            remedy = "write {attribute: split, values: [test]} or {share: 0.3}"
            raise misplaced([], message, remedy=remedy)
        return self

    def held_out(self, dataset: DemographicDataset, *, seed: int) -> np.ndarray:
        """[rows of the data set] bool: the images that are held out.

        A share is drawn by a digest of each cluster's name and the seed: it divides no cluster, and does not
        depend on the order of the data or on what else they hold.

        Raises
        ------
        UserError
            The data have no such attribute or value.
        """
        if self.share is not None:
            return drawn_share(dataset.clusters, self.share, seed=seed)
        if self.attribute not in dataset.attributes:
            raise UserError(
                f"confirmation: the data {dataset.card.name!r} have no attribute {self.attribute!r}",
                remedy=closest(self.attribute, list(dataset.attributes)),
            )
        levels = list(dataset.levels(self.attribute))
        for value in self.values:
            if value not in levels:
                raise UserError(
                    f"confirmation: no image has {self.attribute} {value!r}", remedy=closest(value, levels)
                )
        return dataset.frame[self.attribute].isin(self.values).to_numpy()


def drawn_share(clusters: pd.Series, share: float, *, seed: int) -> np.ndarray:
    names = clusters.astype("str")
    # A digest per cluster, not a permutation of all: an image that is added later moves no other one to the
    # other side.
    chance = {
        name: int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()) / 2**64
        for name in names.unique()
    }
    return names.map(chance).to_numpy() < share
