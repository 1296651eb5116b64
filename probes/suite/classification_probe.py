"""Probes that classify: a label set, its class designs and templates, and the outcomes to count."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from clipmodel.yaml_models import StrictModel
from probes.rules.rule_registry import PREDICTION
from probes.suite.automatic_designs import WrittenAuto
from probes.suite.label_sets import DesignEdit, is_harm
from probes.suite.probe_base import ProbeBase, Uncovered
from probes.suite.rule_thresholds import RuleName
from probes.suite.validation_errors import misplaced
from probes.suite.values import Attribute, unique

MISCLASSIFIED = "misclassified"


class Outcome(StrictModel):
    """An event to count: a misclassification, or a prediction in one of some named sets."""

    sets: list[str] = Field(default=[], description="Names of sets of the label set.")
    title: str = ""


def _expand_outcomes(value: Any) -> Any:
    if isinstance(value, list):
        if wrong := [name for name in value if name != MISCLASSIFIED]:
            raise ValueError(f"{wrong[0]!r} needs the sets it counts: write {{{wrong[0]}: [set, ...]}}")
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {"sets": sets} if isinstance(sets, list) else sets for name, sets in value.items()}
    return value


WrittenOutcomes = dict[str, Outcome | list[str]] | list[Literal["misclassified"]]


class Probe(ProbeBase):
    """One question: a label set, its class designs and templates, and the groups to compare."""

    kind: Literal["classification"] = "classification"
    truth: Attribute | None = Field(default=None, description="The attribute that holds the right answer.")
    uncovered: Uncovered = Field(
        default="refuse",
        description="Images whose truth no class of a design stands for: refuse to run, or exclude them from "
        "every design and count them.",
    )
    label_set: str
    templates: Annotated[list[str], Field(min_length=1), AfterValidator(unique)] = Field(default=["plain"])
    designs: Annotated[dict[str, DesignEdit], Field(min_length=1)] = Field(
        default={"default": DesignEdit()}, description="Edits of the label set, by name."
    )
    auto: list[WrittenAuto] = Field(
        default=[], description="Designs beside those: add_one, drop_one, synonym_swap."
    )
    rules: Annotated[list[RuleName], Field(min_length=1), AfterValidator(unique)] = Field(
        default=[PREDICTION.name]
    )
    outcomes: Annotated[
        dict[str, Outcome], BeforeValidator(_expand_outcomes, json_schema_input_type=WrittenOutcomes)
    ] = Field(default={}, description="'misclassified', or the sets to count, by name.")

    control: Annotated[list[Attribute], AfterValidator(unique)] = Field(
        default=[], description="Attributes whose composition is held equal in a second table of gaps."
    )

    @property
    def attributes(self) -> list[str]:
        """The group attributes, then those that are controlled for."""
        return list(dict.fromkeys([*super().attributes, *self.control]))

    @model_validator(mode="after")
    def _check(self) -> Probe:
        for name, outcome in self.outcomes.items():
            if name == MISCLASSIFIED:
                if self.truth is None:
                    message = "'misclassified' needs a truth"
                    raise misplaced(["outcomes"], message, remedy="name the attribute in 'truth'")
            elif not outcome.sets:
                message = f"the outcome {name!r} names no set"
                raise misplaced(["outcomes", name], message, remedy="list the sets it counts")
        if not self.outcomes:
            message = f"the probe {self.name!r} counts nothing"
            raise misplaced(["outcomes"], message, remedy="give it outcomes: [misclassified]")
        return self


def is_harmful(outcome: Outcome) -> bool:
    """Whether an outcome counts harmful classes only."""
    return bool(outcome.sets) and all(is_harm(name) for name in outcome.sets)
