"""Prompt templates: how a class becomes a sentence, or one sentence for each filling of its slots."""

from __future__ import annotations

import itertools
import math
import string
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from clipmodel.inputs.articles import article
from clipmodel.yaml_models import StrictModel, closest
from probes.suite.label_sets import LabelClass
from probes.suite.validation_errors import misplaced
from probes.suite.values import unique

ARTICLE, LABEL = "{a}", "{label}"
MOST_TEXTS = 10_000  # of one template
OWN_SLOTS = ("a", "label")


def _slots_of(text: str) -> list[str]:
    try:
        # Only parsed, never formatted: `str.format` would reach attributes of its arguments.
        return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise ValueError(f"the template {text!r} has a brace too many or too few") from error


def _check_template(text: str) -> str:
    slots = _slots_of(text)
    if slots.count("label") != 1:
        raise ValueError(f"the template {text!r} needs {{label}} once")
    if slots.count("a") and (slots.count("a") > 1 or f"{ARTICLE} {{" not in text):
        raise ValueError(f"in the template {text!r}, {{a}} stands once, directly before {{label}} or a slot")
    return text


Words = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1), AfterValidator(unique)]


class Template(StrictModel):
    """The texts of one template. Slots are filled with each of their words, several slots crossed."""

    texts: Annotated[
        list[Annotated[str, AfterValidator(_check_template)]], Field(min_length=1), AfterValidator(unique)
    ]
    slots: dict[str, Words] = Field(default={}, description="Words for {name} in the texts, by name.")
    use: Literal["ensemble", "each"] = Field(
        default="ensemble",
        description="'ensemble': one embedding, the mean of all texts; 'each': every text is asked on its "
        "own, so that the spread over wordings is seen.",
    )

    @model_validator(mode="after")
    def _check(self) -> Template:
        used = {name for text in self.texts for name in _slots_of(text)}
        for position, text in enumerate(self.texts):
            if unknown := sorted(set(_slots_of(text)) - {*OWN_SLOTS, *self.slots}):
                known = [f"{{{name}}}" for name in (*OWN_SLOTS, *self.slots)]
                message = f"the template {text!r} has the unknown slot {{{unknown[0]}}}"
                remedy = (
                    f"{closest(f'{{{unknown[0]}}}', known)} Words for others: slots: {{{unknown[0]}: [...]}}"
                )
                raise misplaced(["texts", position], message, remedy=remedy)
        if taken := sorted(set(self.slots) & set(OWN_SLOTS)):
            message = f"{{{taken[0]}}} is filled by the class"
            raise misplaced(["slots", taken[0]], message, remedy="name the slot otherwise")
        if (n := self.n_texts) > MOST_TEXTS:
            message = f"{n:,} texts, where every slot takes each of its words; {MOST_TEXTS:,} are the most"
            raise misplaced(["slots"], message, remedy="leave words out")
        if unused := sorted(set(self.slots) - used):
            message = f"no text has the slot {{{unused[0]}}}"
            raise misplaced(["slots", unused[0]], message, remedy="put it into a text, or drop it")
        return self

    @property
    def n_texts(self) -> int:
        """How many texts there are with every slot filled."""
        return sum(
            math.prod(len(self.slots[name]) for name in dict.fromkeys(_slots_of(text)) if name in self.slots)
            for text in self.texts
        )

    @property
    def filled(self) -> dict[str, str]:
        """Each text with its slots filled, by what tells it apart from the others: "2 happy"."""
        texts: dict[str, str] = {}
        for number, text in enumerate(self.texts, start=1):
            names = [name for name in dict.fromkeys(_slots_of(text)) if name in self.slots]
            for words in itertools.product(*(self.slots[name] for name in names)):
                parts = [str(number)] * (len(self.texts) > 1) + list(words)
                whole = text
                for name, word in zip(names, words, strict=True):
                    whole = whole.replace(f"{{{name}}}", word)
                texts[" ".join(parts) or "1"] = whole
        return texts

    def named(self, name: str) -> dict[str, list[str]]:
        """The texts under the names that they are asked under: one name, or one for each text."""
        if self.use == "ensemble":
            return {name: list(self.filled.values())}
        return {f"{name} {which}": [text] for which, text in self.filled.items()}


def _expand(value: Any) -> Any:
    return {"texts": value} if isinstance(value, list) else value


# In YAML, a template that needs no more than its texts is a plain list.
WrittenTemplate = Annotated[Template, BeforeValidator(_expand, json_schema_input_type=list[str] | Template)]


class TemplateFile(StrictModel):
    """Named templates in a file of their own; several texts under one name are ensembled."""

    name: str
    title: str = ""
    source: str = ""
    templates: dict[str, WrittenTemplate]


def render(template: str, item: LabelClass) -> str:
    """The prompt of a class: {a} becomes the article of the next word, or none where the class says so."""
    start, found, end = template.partition(f"{ARTICLE} ")
    if not found:
        return template.replace(LABEL, item.words)
    # The class knows its own article (an hour, none); that of another next word is guessed by its first
    # letters.
    if end.startswith(LABEL):
        return start + end.replace(LABEL, item.phrase)
    rest = end.replace(LABEL, item.words)
    return start + (rest if item.article == "none" else f"{article(rest)} {rest}")
