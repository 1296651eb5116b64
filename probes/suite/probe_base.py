"""What every probe has, whatever its kind: the images it asks about, and the groups it compares."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from clipmodel.yaml_models import StrictModel
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import check_known
from probes.suite.values import Attribute, Name, Value, unique

MOST_IMAGES = 10**9  # no data set has more


Uncovered = Literal["refuse", "exclude"]
"""What to do where no class stands for a truth: refuse to run, or leave its images out and count them."""


class Exclusion(StrictModel):
    """A filter that keeps what is not listed."""

    not_: list[Value] = Field(alias="not", min_length=1)


def _kind_of_filter(value: Any) -> str:
    if isinstance(value, dict | Exclusion):
        return "exclusion"
    return "values" if isinstance(value, list) else "value"


# Told apart by a function, so that an error speaks of the form that was written and not of all three.
Filter = Annotated[
    Annotated[Value, Tag("value")]
    | Annotated[list[Value], Field(min_length=1), Tag("values")]
    | Annotated[Exclusion, Tag("exclusion")],
    Discriminator(_kind_of_filter),
]


Grouping = Annotated[list[Attribute], Field(min_length=1), AfterValidator(unique)]


class ProbeBase(StrictModel):
    """One question of any kind: which images it asks about, and by which groups it compares them."""

    elsewhere: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "thresholds",
            "top_k",
            "cosines",
            "shares",
            "rule_thresholds",
            "curve",
            "seed",
            "data",
            "label_sets",
            "gates",
        ),
        "it belongs to the suite: write it at the left margin, beside 'probes:'",
    )

    name: Name
    title: str = ""
    question: str = Field(default="", description="One sentence, shown in the report.")
    kind: str
    where: dict[Attribute, Filter] = Field(
        default={}, description="Which images: a value, values, or {not: [...]}."
    )
    groups: Annotated[list[Grouping], AfterValidator(unique)] = Field(
        default=[], description="What to compare by: attributes, or crossings of attributes."
    )
    references: dict[Attribute, Value] = Field(
        default={}, description="By attribute: the group to compare with, (rest), (overall) or (best)."
    )
    min_group: int = Field(
        default=3, ge=1, le=MOST_IMAGES, description="Groups with fewer images get no rate."
    )

    @property
    def attributes(self) -> list[str]:
        """The group attributes, in the order the suite names them."""
        return list(dict.fromkeys(name for spec in self.groups for name in spec))

    @model_validator(mode="after")
    def _check_references(self) -> ProbeBase:
        for attribute in self.references:
            check_known(
                attribute, self.attributes, what="group attribute", location=["references", attribute]
            )
        return self

    def offered(self, suite: SuiteView) -> dict[str, Any]:
        """What the report says of the words shown: label_set, label_set_source, note, harmful, sets."""
        return {}

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        """Check the names a probe uses against its suite; `place` leads to the probe in the file.

        Raises
        ------
        ValidationError
            As `probes.suite.validation_errors.misplaced` makes it.
        """
