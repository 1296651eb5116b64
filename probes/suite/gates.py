"""What a suite decides with: gates for continuous integration, and images kept apart to confirm findings."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from clipmodel.errors import UserError
from clipmodel.yaml_models import StrictModel, closest
from probes.datasets.base import DemographicDataset
from probes.suite.probe_base import Value
from probes.suite.validation_errors import misplaced


class Gate(StrictModel):
    """A limit for continuous integration: on the gaps of a probe, its accuracy or a rate of an outcome."""

    name: str = Field(min_length=1)
    probe: str
    outcome: str = Field(default="", description="Of the probe; none for the metric 'accuracy'.")
    metric: Literal["difference", "ratio", "accuracy", "rate"] = Field(
        default="difference",
        description="Difference from or ratio to the reference; accuracy (a floor) or rate (a ceiling).",
    )
    margin: float = Field(
        gt=0, description="The widest difference, the narrowest ratio, the least accuracy, the greatest rate."
    )
    groups: list[str] = Field(
        default=[],
        description="Attributes, one of the probe's 'groups'. None, for accuracy and rate: all images.",
    )
    designs: list[str] = Field(default=[], description="Class designs to judge; all if left out.")
    templates: list[str] = Field(default=[], description="Templates to judge; all if left out.")
    rules: list[str] = Field(default=[], description="Rules to judge; all if left out.")

    @model_validator(mode="after")
    def _check(self) -> Gate:
        if self.metric == "accuracy" and self.outcome:
            message = "a gate on accuracy has no outcome"
            raise misplaced(["outcome"], message, remedy="leave it out, or take the metric 'rate'")
        if self.metric != "accuracy" and not self.outcome:
            message = f"a gate on a {self.metric} needs the outcome"
            raise misplaced(["outcome"], message, remedy="name one of the probe's outcomes")
        if self.metric in ("difference", "ratio") and not self.groups:
            message = f"a gate on a {self.metric} needs groups to compare"
            raise misplaced(["groups"], message, remedy="name attributes, such as [skin_tone]")
        if self.margin > 1:
            message = f"the margin {self.margin:g} is above 1"
            remedy = "write shares: 0.05 for 5 percentage points, 0.8 for four fifths"
            raise misplaced(["margin"], message, remedy=remedy)
        return self


class GateFile(StrictModel):
    """Gates of their own, for `clip-audit gate --suite`."""

    gates: list[Gate] = Field(min_length=1)


class Confirmation(StrictModel):
    """Images that exploration does not see, on which its findings are tested once more."""

    attribute: str = Field(default="", description="Images with certain values of this attribute ...")
    values: list[Value] = Field(
        default=[], description="... namely these; others, and missing ones, explore."
    )
    share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
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
        """[rows of the data set] bool: the images that are kept apart.

        A share is drawn by a digest of each cluster's name and the seed: it divides no cluster, and does not
        depend on the order of the data or on what else they hold.

        Raises
        ------
        UserError
            The data have no such attribute or value.
        """
        if self.share is not None:
            return _drawn(dataset.clusters, self.share, seed=seed)
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


def _drawn(clusters: pd.Series, share: float, *, seed: int) -> np.ndarray:
    names = clusters.astype("str")
    chance = {
        name: int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()) / 2**64
        for name in names.unique()
    }
    return names.map(chance).to_numpy() < share
