"""Label sets: classes with names, held in named sets, and the edits that turn one into a class design."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from clipmodel.inputs.articles import article
from clipmodel.yaml_models import StrictModel, closest
from probes.label_text import clean_label
from probes.suite.validation_errors import check_known, misplaced
from probes.suite.values import Attribute, Name, Value, unique

PLAIN_SETS = ("identity", "distractor")
HARM_PREFIX = "harm: "


def _one_or_several(value: Any) -> str:
    return "values" if isinstance(value, list) else "value"


# Told apart by a function, so that an error speaks of the form that was written.
StandsFor = Annotated[
    Annotated[Value, Tag("value")]
    | Annotated[list[Value], Field(min_length=1), AfterValidator(unique), Tag("values")],
    Discriminator(_one_or_several),
]


class LabelClass(StrictModel):
    """One class: its name, the words the model is shown, and the attribute values it stands for."""

    name: Name = Field(description="Unique in the label set; the name in every table.")
    text: str = Field(default="", description="What a template's {label} becomes; the name if left out.")
    is_: dict[Attribute, StandsFor] = Field(
        default={},
        alias="is",
        description="By attribute: the value this class is right for, or several, {age: [50-59, 60-69]}.",
    )
    article: Literal["auto", "a", "an", "none"] = "auto"
    synonyms: list[str] = Field(
        default=[], description="Other words for it, which the automatic design 'synonym_swap' tries."
    )

    @field_validator("name", "text")
    @classmethod
    def _tidy(cls, value: str) -> str:
        return clean_label(value)

    def stands_for(self, attribute: str) -> tuple[str, ...]:
        """The values of an attribute that this class is right for; none where it never is."""
        values = self.is_.get(attribute, [])
        return (values,) if isinstance(values, str) else tuple(values)

    @property
    def words(self) -> str:
        return self.text or self.name

    @property
    def phrase(self) -> str:
        """The words with their article: "an artist"; without one where the class says so."""
        chosen = article(self.words) if self.article == "auto" else self.article
        return self.words if chosen == "none" else f"{chosen} {self.words}"


def _expand(value: Any) -> Any:
    return {"name": value} if isinstance(value, str | int | float) and not isinstance(value, bool) else value


# In YAML, a class that needs no more than its name is a plain string.
WrittenClass = Annotated[LabelClass, BeforeValidator(_expand, json_schema_input_type=str | LabelClass)]


class DesignEdit(StrictModel):
    """How a class design differs from its label set: drops first, then renames, synonyms, additions."""

    drop: list[str] = Field(default=[], description="Names of classes, or of whole sets.")
    rename: dict[str, str] = Field(
        default={}, description="Old class name: new name, which is also its text."
    )
    synonyms: dict[str, str] = Field(
        default={}, description="Class name: the words it is shown as instead; its name and meaning stay."
    )
    add: dict[str, list[WrittenClass]] = Field(default={}, description="Classes to add, by set.")

    @property
    def description(self) -> str:
        """The edit in words, for the report."""
        parts = [f"drops {', '.join(self.drop)}"] if self.drop else []
        parts += [f"renames {old} to {new}" for old, new in self.rename.items()]
        parts += [f"shows {name} as {words}" for name, words in self.synonyms.items()]
        parts += [
            f"adds {', '.join(c.name for c in classes)} to {name}" for name, classes in self.add.items()
        ]
        return "; ".join(parts) or "the label set as it is"


class LabelSet(StrictModel):
    """Classes in named sets. What a class means lies in its set and its name, never in its position.

    Several classes may stand for the same values, and are then all right for them; what two classes stand for
    may not overlap in part.

    Raises
    ------
    ValueError
        A class occurs twice or in two sets, a set has an unknown name or no class, there are fewer than two
        classes, or two stand for one value of an attribute, but only one of them for another.
    """

    name: str
    title: str = ""
    source: str = Field(default="", description="Where the classes come from.")
    note: str = Field(default="", description="Why the words are there; shown in the report.")
    sets: dict[str, list[WrittenClass]]

    @model_validator(mode="after")
    def _check(self) -> LabelSet:
        home: dict[str, str] = {}
        for set_name, classes in self.sets.items():
            _check_set_name(set_name)
            if not classes:
                place = ["sets", set_name]
                raise misplaced(
                    place, f"the set {set_name!r} has no class", remedy="add one, or drop the set"
                )
            for position, item in enumerate(classes):
                if item.name in home:
                    both = f"in {home[item.name]!r} and {set_name!r}"
                    where = f"twice in {set_name!r}" if home[item.name] == set_name else both
                    raise misplaced(
                        ["sets", set_name, position],
                        f"the class {item.name!r} is {where}",
                        remedy="a class is in one set, once: rename or drop one of the two",
                    )
                home[item.name] = set_name
        self._check_words()
        self._check_values()
        if len(home) < 2:
            message = f"a label set needs at least two classes, {self.name!r} has {len(home)}"
            raise misplaced(["sets"], message, remedy="add a class")
        return self

    def _check_words(self) -> None:
        """No two classes are shown as the same words: which of them is predicted would be chance.

        The tokenizer of CLIP lowers capitals and evens out blanks and HTML entities, so "Man" and "man" are
        one.
        """
        shown: dict[str, LabelClass] = {}
        for set_name, classes in self.sets.items():
            for position, item in enumerate(classes):
                other = shown.setdefault(as_tokenized(item.words), item)
                if other is not item:
                    names = f"{other.name!r} and {item.name!r}"
                    message = f"the classes {names} are both shown as {item.words!r}"
                    if other.words != item.words:
                        words = f"{other.words!r} and {item.words!r}"
                        message = f"the classes {names} are shown as {words}, one text to the tokenizer"
                    remedy = "give one of them another 'text', or drop it"
                    raise misplaced(["sets", set_name, position], message, remedy=remedy)

    def _check_values(self) -> None:
        """Classes that share a value of an attribute share all: otherwise its truths are no partition."""
        first: dict[tuple[str, str], LabelClass] = {}
        for set_name, classes in self.sets.items():
            for position, item in enumerate(classes):
                for attribute, value in (
                    (name, value) for name in item.is_ for value in item.stands_for(name)
                ):
                    other = first.setdefault((attribute, value), item)
                    if set(other.stands_for(attribute)) != set(item.stands_for(attribute)):
                        raise misplaced(
                            ["sets", set_name, position, "is", attribute],
                            f"{other.name!r} and {item.name!r} both stand for {attribute} {value!r}, "
                            "but not for the same other values",
                            remedy="leave the value to one of them, or give both the same values",
                        )

    @property
    def classes(self) -> list[LabelClass]:
        return [item for classes in self.sets.values() for item in classes]

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.classes]

    def members(self) -> dict[str, list[str]]:
        """Class names by set."""
        return {name: [item.name for item in classes] for name, classes in self.sets.items()}

    def covered(self, attribute: str) -> set[str]:
        """The values of an attribute that some class stands for."""
        return {value for item in self.classes for value in item.stands_for(attribute)}

    def edited(self, edit: DesignEdit) -> LabelSet:
        """The label set after an edit.

        Raises
        ------
        ValueError
            The edit drops or renames what is not there, or the result is no valid label set.
        """
        # The order that `DesignEdit` states: a class can be dropped and its name given to another.
        sets = self._without(edit.drop)
        remaining = [item.name for classes in sets.values() for item in classes]
        for old in edit.rename:
            check_known(old, remaining, what="class", location=["rename", old])
        sets = {name: [_renamed(item, edit.rename) for item in classes] for name, classes in sets.items()}
        after = [item.name for classes in sets.values() for item in classes]
        for name in edit.synonyms:
            check_known(name, after, what="class", location=["synonyms", name])
        sets = {name: [_reworded(item, edit.synonyms) for item in classes] for name, classes in sets.items()}
        for name, classes in edit.add.items():
            sets[name] = [*sets.get(name, []), *classes]
        # Validated anew: an edit may leave one class, or two of the same words.
        return self.model_validate({**self.model_dump(exclude={"sets"}), "sets": sets})

    def _without(self, dropped: list[str]) -> dict[str, list[LabelClass]]:
        for position, name in enumerate(dropped):
            check_known(name, [*self.sets, *self.names], what="class or set", location=["drop", position])
        kept = {
            set_name: [item for item in classes if item.name not in dropped]
            for set_name, classes in self.sets.items()
            if set_name not in dropped
        }
        # A set that loses its last class goes, since a set without classes is an error.
        return {name: classes for name, classes in kept.items() if classes}


def _renamed(item: LabelClass, names: Mapping[str, str]) -> LabelClass:
    if item.name not in names:
        return item
    new = names[item.name]
    # Without the old words, article and synonyms, which belong to the old name.
    return LabelClass.model_validate({"name": new, "is": item.is_})


def _reworded(item: LabelClass, words: Mapping[str, str]) -> LabelClass:
    if item.name not in words:
        return item
    # "a" or "an" was chosen for the old word; "none" says how the class is used.
    kept = item.article if item.article == "none" else "auto"
    return item.model_copy(update={"text": " ".join(words[item.name].split()), "article": kept})


def as_tokenized(text: str) -> str:
    """A text as CLIP's tokenizer cleans it: texts that are equal here are one prompt."""
    # Twice, as OpenAI's `basic_clean` does; NFC stands in for ftfy, whose repairs are left out here.
    plain = html.unescape(html.unescape(unicodedata.normalize("NFC", text)))
    return " ".join(plain.split()).lower()


def _check_set_name(name: str) -> None:
    if name in PLAIN_SETS or name.removeprefix(HARM_PREFIX).strip() not in ("", name):
        return
    known = [*PLAIN_SETS, f"{HARM_PREFIX}crime", f"{HARM_PREFIX}non-human"]
    raise misplaced(
        ["sets", name], f"unknown set {name!r}", remedy=f"{closest(name, known)} ('harm: ...' for harms)"
    )


def is_harm(set_name: str) -> bool:
    """Whether a set holds harmful classes."""
    return set_name.startswith(HARM_PREFIX)
