"""Automatic class designs: one design for each class added, dropped, or shown under another word."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from clipmodel.yaml_models import StrictModel
from probes.suite.label_sets import DesignEdit, LabelSet, WrittenClass
from probes.suite.validation_errors import check_known, misplaced

DISTRACTOR = "distractor"


def _expand_added(value: Any) -> Any:
    return {DISTRACTOR: value} if isinstance(value, list) else value


AddedClasses = dict[str, list[WrittenClass]]
WrittenAdded = list[WrittenClass] | AddedClasses


class AutoDesign(StrictModel):
    """A rule that writes designs: `drop_one`, `{add_one: [child, robot]}`, `{synonym_swap: {man: [guy]}}`."""

    add_one: Annotated[AddedClasses, BeforeValidator(_expand_added, json_schema_input_type=WrittenAdded)] = (
        Field(default={}, description="Classes, by set; a list is of distractors. One design for each.")
    )
    drop_one: list[str] | None = Field(
        default=None, description="Classes or sets to drop, one a design; an empty list is every class."
    )
    synonym_swap: dict[str, list[str]] | None = Field(
        default=None,
        description="Words to show a class as instead of its own, one a design; empty: its synonyms.",
    )

    @model_validator(mode="after")
    def _check(self) -> AutoDesign:
        if not self.add_one and self.drop_one is None and self.synonym_swap is None:
            raise ValueError("an automatic design is one of add_one, drop_one, synonym_swap")
        return self

    def edits(self, labels: LabelSet, *, truth: str | None) -> dict[str, DesignEdit]:
        """The designs by name. A class that alone stands for a truth is never dropped of its own accord.

        Raises
        ------
        ValidationError
            A class or set that it names is not there, or there is nothing to drop or swap.
        """
        found = {
            f"add {item.name}": DesignEdit(add={set_name: [item]})
            for set_name, items in self.add_one.items()
            for item in items
        }
        for position, name in enumerate(self.drop_one or ()):
            known = [*labels.sets, *labels.names]
            check_known(name, known, what="class or set", location=["drop_one", position])
        if self.drop_one is not None:
            dropped = self.drop_one or _droppable(labels, truth)
            found |= {f"drop {name}": DesignEdit(drop=[name]) for name in dropped}
        for name in self.synonym_swap or {}:
            check_known(name, labels.names, what="class", location=["synonym_swap", name])
        if self.synonym_swap is not None:
            words = self.synonym_swap or {item.name: item.synonyms for item in labels.classes}
            found |= {
                f"{name} as {word}": DesignEdit(synonyms={name: word})
                for name, synonyms in words.items()
                for word in synonyms
            }
        if not found:
            message = "gives no design: each class alone stands for a truth, or none has synonyms"
            raise misplaced(
                [], message, remedy="name the classes to drop or the words to swap, or leave it out"
            )
        return found


def _droppable(labels: LabelSet, truth: str | None) -> list[str]:
    # Of two classes, one alone would be left, and every image would get it.
    if len(labels.names) == 2:
        return []
    stands_for = [set(item.stands_for(truth)) if truth else set() for item in labels.classes]
    return [
        item.name
        for item, values in zip(labels.classes, stands_for, strict=True)
        # Without the only class of a truth, its images would all be wrong by construction.
        if not values or stands_for.count(values) > 1
    ]


def _expand_auto(value: Any) -> Any:
    if value == "drop_one":
        return {"drop_one": []}
    return {"synonym_swap": {}} if value == "synonym_swap" else value


WrittenAuto = Annotated[
    AutoDesign,
    BeforeValidator(_expand_auto, json_schema_input_type=Literal["drop_one", "synonym_swap"] | AutoDesign),
]
