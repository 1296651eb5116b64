"""The population that the numbers of an audit speak for: survey weights, or shares of its groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from clipmodel.yaml_models import StrictModel
from probes.suite.validation_errors import misplaced
from probes.suite.values import MOST_WORDS, Attribute, Value

SUM_TOLERANCE = 1e-3
"""How far the shares of an attribute may be from 1: they are written with a few digits."""

Part = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Population(StrictModel):
    """The population that rates are weighted to; without one, images count as they are."""

    name: str = Field(
        default="",
        max_length=MOST_WORDS,
        description="The population in words, shown in the report, such as 'adults in Norway, 2024'.",
    )
    weights: Attribute = Field(
        default="",
        description="Column of the data: how many members of the population an image stands for ...",
    )
    shares: dict[Value, dict[Value, Part]] = Field(
        default={},
        description="... or the shares of groups in the population, by attribute and group: images of every "
        "probe are weighted to them (post-stratification; several attributes by raking).",
    )

    @model_validator(mode="after")
    def _check(self) -> Population:
        if bool(self.weights) == bool(self.shares):
            message = "a population needs a column of weights, or shares of its groups, and not both"
            remedy = "write {weights: COLUMN} or {shares: {gender: {woman: 0.51, man: 0.49}}}"
            raise misplaced([], message, remedy=remedy)
        for attribute, shares in self.shares.items():
            if abs(sum(shares.values()) - 1) > SUM_TOLERANCE:
                message = f"the shares of {attribute} sum to {sum(shares.values()):.4g}, not to 1"
                remedy = "give every group of the population that the images show its share"
                raise misplaced(["shares", attribute], message, remedy=remedy)
        return self

    @property
    def words(self) -> str:
        """The population, and how images are weighted to it, in words."""
        how = f"by the column {self.weights}" if self.weights else f"to shares of {', '.join(self.shares)}"
        return f"{self.name or 'the population of the weights'} (images weighted {how})"
