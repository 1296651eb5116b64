"""What the YAML of several kinds of non-classification probes has in common; each kind has a file of
`probes.measures`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from probes.suite.label_sets import DesignEdit, LabelSet, WrittenClass, is_harm
from probes.suite.probe_base import ProbeBase, Uncovered
from probes.suite.shipped.word_lists import WordList, load_words, shipped_words
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import check_known, misplaced
from probes.suite.values import Attribute, Value, unique

Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
Places = Annotated[list[Annotated[int, Field(ge=1, le=10**9)]], Field(min_length=1), AfterValidator(unique)]
Pair = Annotated[list[Value], Field(min_length=2, max_length=2), AfterValidator(unique)]
CutPoints = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)]


class Templated(ProbeBase):
    """A probe whose prompts are made from the templates of the suite, each on its own."""

    templates: Names = Field(default=["plain"], description="Names of templates of the suite.")

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        for i, name in enumerate(self.templates):
            known = list(suite.named_templates)
            check_known(name, known, what="template", location=[*place, "templates", i])


class Worded(Templated):
    """A probe that asks about words one by one."""

    words: str | dict[str, list[WrittenClass]] = Field(
        description="The name of a shipped word list, or words of your own in named groups."
    )

    @property
    def word_list(self) -> WordList:
        return load_words(self.words) if isinstance(self.words, str) else WordList(words=self.words)

    def offered(self, suite: SuiteView) -> dict[str, Any]:
        words = self.word_list
        sets = {group: [word.name for word in members] for group, members in words.words.items()}
        return {
            "label_set": words.name,
            "label_set_source": words.source,
            "note": words.note,
            "harmful": words.harmful,
            "sets": sets,
        }

    @model_validator(mode="after")
    def _check_words(self) -> Worded:
        if isinstance(self.words, str):
            check_known(self.words, shipped_words(), what="word list", location=["words"])
        else:
            WordList(words=self.words)
        return self


class Classified(Templated):
    """A probe that offers the classes of a label set."""

    label_set: str
    design: DesignEdit = Field(default=DesignEdit(), description="An edit of the label set.")

    def classes(self, suite: SuiteView) -> LabelSet:
        """The label set as edited."""
        return suite.label_set(self.label_set).edited(self.design)

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        known = suite.label_set_names
        check_known(self.label_set, known, what="label set", location=[*place, "label_set"])
        try:
            self.classes(suite)
        except ValidationError as error:
            message = f"the design does not fit the label set {self.label_set!r}: {error.errors()[0]['msg']}"
            raise misplaced([*place, "design"], message, remedy="correct the design") from error

    def offered(self, suite: SuiteView) -> dict[str, Any]:
        labels = self.classes(suite)
        return {
            "label_set": labels.name,
            "label_set_source": labels.source,
            "note": labels.note,
            "harmful": any(map(is_harm, labels.sets)),
            "sets": labels.members(),
        }

    def _check_sets(self, suite: SuiteView, outcomes: dict[str, list[str]], place: list[int | str]) -> None:
        sets = list(self.classes(suite).sets)
        for name, members in outcomes.items():
            for i, member in enumerate(members):
                check_known(member, sets, what="set", location=[*place, "outcomes", name, i])


class WithTruth(Classified):
    """A probe whose classes are right or wrong."""

    truth: Attribute = Field(description="The attribute that holds the right answer.")
    uncovered: Uncovered = Field(
        default="exclude",
        description="Images whose truth no class stands for: exclude and count them, or refuse to run.",
    )

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        if not self.classes(suite).covered(self.truth):
            message = f"no class of the label set {self.label_set!r} says which {self.truth} it stands for"
            raise misplaced(
                [*place, "truth"], message, remedy=f"give its classes 'is: {{{self.truth}: ...}}'"
            )
