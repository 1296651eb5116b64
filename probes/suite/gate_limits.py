"""Gates: the limits that a suite sets for continuous integration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from clipmodel.yaml_models import StrictModel
from probes.suite.validation_errors import misplaced
from probes.suite.values import Attribute, Name


class Gate(StrictModel):
    """A limit for continuous integration: on the gaps of a probe, its accuracy or a rate of an outcome."""

    name: Name
    probe: str
    outcome: str = Field(default="", description="Of the probe; none for the metric 'accuracy'.")
    metric: Literal["difference", "ratio", "accuracy", "rate"] = Field(
        default="difference",
        description="Difference from or ratio to the reference; accuracy (a floor) or rate (a ceiling).",
    )
    margin: float = Field(
        gt=0,
        allow_inf_nan=False,
        description="The widest difference, the narrowest ratio, the least accuracy, the greatest rate.",
    )
    groups: list[Attribute] = Field(
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
        # Mostly a percentage: 5 instead of 0.05 would be a gate that never fails.
        if self.margin > 1:
            message = f"the margin {self.margin:g} is above 1"
            remedy = "write shares: 0.05 for 5 percentage points, 0.8 for four fifths"
            raise misplaced(["margin"], message, remedy=remedy)
        return self


class GateFile(StrictModel):
    """Gates of their own, for `clip-audit gate --suite`."""

    gates: list[Gate] = Field(min_length=1)
