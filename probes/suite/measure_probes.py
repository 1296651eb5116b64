"""The YAML of probes that are no classification, a model a kind; `measures.registry` says how each is run."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from probes.metrics.c_asc import Correction
from probes.metrics.ranking import Reference, TieRule, ZeroRule
from probes.suite.label_sets import DesignEdit, LabelSet, WrittenClass, is_harm
from probes.suite.probe_base import ProbeBase, Uncovered
from probes.suite.suite_view import SuiteView
from probes.suite.validation_errors import check_known, misplaced
from probes.suite.values import Value, unique
from probes.suite.word_lists import WordList, load_words, shipped_words

Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
Places = Annotated[list[Annotated[int, Field(ge=1, le=10**9)]], Field(min_length=1), AfterValidator(unique)]
Pair = Annotated[list[Value], Field(min_length=2, max_length=2), AfterValidator(unique)]
Cuts = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)]


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

    truth: str = Field(description="The attribute that holds the right answer.")
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


class AssociationProbe(Worded):
    """Which words are nearer to the images of which group: C-ASC, SC-WEAT or WEAT."""

    kind: Literal["association"]
    test: Literal["c_asc", "sc_weat", "weat"] = Field(
        default="c_asc",
        description="c_asc: each word, a group against all others; sc_weat: each word, two groups; "
        "weat: two groups of words, two groups of images.",
    )
    contrast: dict[str, Pair] = Field(
        default={},
        description="sc_weat, weat: {attribute: [one value, another]}; an effect above 0 is the first's.",
    )
    between: list[str] = Field(
        default=[], description="weat: two groups of the words, that of the first value first."
    )
    correction: Correction = Field(
        default="max_t", description="Of p over words x groups: max_t (any false alarm) or bh (their share)."
    )
    permutations: int = Field(default=999, ge=99, le=99_999)

    @model_validator(mode="after")
    def _check_test(self) -> AssociationProbe:
        if self.test == "c_asc":
            if not self.groups:
                raise misplaced(["groups"], "c_asc compares groups", remedy="name an attribute in 'groups'")
            return self
        if len(self.contrast) != 1:
            message = f"{self.test} compares two values of one attribute"
            raise misplaced(["contrast"], message, remedy="write contrast: {attribute: [value, value]}")
        if self.test == "weat":
            if len(self.between) != 2:
                remedy = "name two groups of the words in 'between'"
                raise misplaced(["between"], "weat needs two groups of words", remedy=remedy)
            for i, name in enumerate(self.between):
                known = list(self.word_list.words)
                check_known(name, known, what="group of words", location=["between", i])
        return self


class RankingProbe(Worded):
    """Whose images are on top where images are ranked by their similarity to a query."""

    kind: Literal["ranking"]
    k: Places = Field(default=[10, 100], description="Places from the top to look at.")
    reference: Reference = Field(
        default="candidates", description="The share a group is expected to have among the K highest."
    )
    zero_rule: ZeroRule = Field(default="1/K", description="What an absent group's share counts as.")
    tie_rule: TieRule = Field(default="shared", description="Where equal scores go.")
    bias: dict[str, Pair] = Field(
        default={}, description="{attribute: [one value, another]} for Bias@K; above 0 the first is on top."
    )

    @model_validator(mode="after")
    def _check_groups(self) -> RankingProbe:
        if not self.groups:
            raise misplaced(["groups"], "a ranking compares groups", remedy="name an attribute in 'groups'")
        for attribute in self.bias:
            known = [spec[0] for spec in self.groups if len(spec) == 1]
            check_known(attribute, known, what="group attribute", location=["bias", attribute])
        return self


class CounterfactualProbe(Classified):
    """How often a prediction changes where only one attribute of the picture does."""

    kind: Literal["counterfactual"]
    attribute: str = Field(description="What changes within a set.")
    same: list[str] = Field(
        default=[], description="Attributes that are equal within a set; the data's clusters if left out."
    )
    outcomes: dict[str, list[str]] = Field(
        default={}, description="Sets of classes to follow, by name: in which direction predictions turn."
    )

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        self._check_sets(suite, self.outcomes, place)


class Markedness(ProbeBase):
    """How often a picture is nearer to the bare word for a person than to any prompt that names its group."""

    kind: Literal["markedness"]
    neutral: str = Field(default="a photo of a person", min_length=1, description="The bare prompt.")
    marked: list[str] = Field(min_length=1, description="Prompts that name groups.")


class PronounProbe(ProbeBase):
    """Whether a caption with the pronoun of the person shown is preferred: VisoGender's resolution."""

    kind: Literal["pronouns"]
    caption: str = Field(
        default="the {occupation} and {pronoun} {object}",
        description="{pronoun} once; every other slot is an attribute of the image.",
    )
    truth: str = Field(description="The attribute that says which pronoun is right.")
    pronouns: Annotated[dict[str, str], Field(min_length=2, max_length=2)] = Field(
        description="Value of the truth: its pronoun; the gap is the first less the second."
    )

    @property
    def slots(self) -> list[str]:
        """Attributes of the image that the caption names."""
        names = [name for _, name, _, _ in string.Formatter().parse(self.caption) if name]
        return [name for name in dict.fromkeys(names) if name != "pronoun"]

    @model_validator(mode="after")
    def _check_caption(self) -> PronounProbe:
        if self.caption.count("{pronoun}") != 1:
            message = f"the caption {self.caption!r} needs {{pronoun}} once"
            raise misplaced(["caption"], message, remedy="write the slot where the pronoun goes")
        return self


class GroupAccuracyProbe(WithTruth):
    """Top-K accuracy by group, such as by region or income, and the group that fares worst."""

    kind: Literal["group_accuracy"]
    k: Places = Field(default=[1, 5], description="The right class is among the K most similar.")
    buckets: dict[str, Cuts] = Field(
        default={}, description="Attributes that are numbers, with the points to cut them at."
    )

    @model_validator(mode="after")
    def _check_cuts(self) -> GroupAccuracyProbe:
        for attribute, cuts in self.buckets.items():
            if cuts != sorted(set(cuts)):
                message = f"the cut points of {attribute!r} do not ascend"
                raise misplaced(["buckets", attribute], message, remedy="sort them")
        return self


class PictureSizeProbe(WithTruth):
    """Accuracy where pictures are made coarser: shrunk to so many pixels before the model sees them."""

    kind: Literal["picture_size"]
    sizes: Places = Field(
        default=[128, 64, 32, 16], description="Longer sides in pixels, besides the original pictures."
    )


class ConditionalProbe(Classified):
    """Both directions of an outcome: how often it meets a group, and whose images make it up."""

    kind: Literal["conditionals"]
    outcomes: Annotated[dict[str, list[str]], Field(min_length=1)] = Field(
        description="Sets of classes to count, by name."
    )
    k: int = Field(
        default=1, ge=1, le=10**9, description="A class counts where it is among the K most similar ..."
    )
    at_least: float = Field(
        default=0.0, ge=0, le=1, allow_inf_nan=False, description="... and reaches this probability."
    )

    def check(self, suite: SuiteView, place: list[int | str]) -> None:
        super().check(suite, place)
        self._check_sets(suite, self.outcomes, place)


class AssociationBiasProbe(Classified):
    """Whether classes, such as occupations, are given to one group more than to another: CLIP the Bias."""

    kind: Literal["association_bias"]
    contrast: Annotated[dict[str, Pair], Field(min_length=1, max_length=1)] = Field(
        description="{attribute: [one value, another]}; a difference above 0 is more of the first."
    )
    counted: Literal["share", "probability"] = Field(
        default="share",
        description="Of each class: the share of images it is given to, or its mean probability.",
    )
    correction: Correction = Field(
        default="max_t", description="Of p over classes: max_t (any false alarm) or bh (their share)."
    )
    permutations: int = Field(default=999, ge=99, le=99_999)


MEASURE_PROBES: tuple[type[ProbeBase], ...] = (
    AssociationProbe, RankingProbe, CounterfactualProbe, Markedness, PronounProbe, GroupAccuracyProbe,
    PictureSizeProbe, ConditionalProbe, AssociationBiasProbe,
)  # fmt: skip
"""Every kind but "classification", which is `probes.suite.classification_probe.Probe`."""
