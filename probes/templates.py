"""Prompt templates: how a class becomes a sentence."""

from __future__ import annotations

import string
from typing import Annotated

from pydantic import AfterValidator, Field

from clipmodel.yamlfile import StrictModel
from probes.label_sets import LabelClass

ARTICLE_AND_LABEL, LABEL = "{a} {label}", "{label}"


def _check_template(text: str) -> str:
    try:
        slots = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise ValueError(f"the template {text!r} has a brace too many or too few") from error
    if slots.count("label") != 1:
        raise ValueError(f"the template {text!r} needs {{label}} once")
    if unknown := sorted(set(slots) - {"a", "label"}):
        raise ValueError(
            f"the template {text!r} has the unknown slot {{{unknown[0]}}}: slots are {{a}} and {{label}}"
        )
    if slots.count("a") and (slots.count("a") > 1 or ARTICLE_AND_LABEL not in text):
        raise ValueError(f"in the template {text!r}, {{a}} stands once, directly before {{label}}")
    return text


Template = Annotated[str, AfterValidator(_check_template)]
Ensemble = Annotated[list[Template], Field(min_length=1)]


class TemplateFile(StrictModel):
    """Named templates in a file of their own; several texts under one name are ensembled."""

    name: str
    title: str = ""
    source: str = ""
    templates: dict[str, Ensemble]


def render(template: str, item: LabelClass) -> str:
    """The prompt of a class: {a} and {label} become its phrase with the right article, or with none."""
    if ARTICLE_AND_LABEL in template:
        return template.replace(ARTICLE_AND_LABEL, item.phrase)
    return template.replace(LABEL, item.words)
