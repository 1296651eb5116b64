"""Values that a suite names: attribute values and words, in the form that labels have in the data."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator

from clipmodel.yaml_documents import CONSTRUCTION_ERRORS
from probes.label_text import clean_label, number_text

MOST_WORDS = 200  # characters of a name or value; the longest label of a published data set has 80


def _in_yaml(value: Any) -> str:
    return {True: "true", False: "false", None: "nothing"}.get(value, f"the date {value}")


def yaml_word(text: str) -> str:
    """A value as it must be written in YAML to be read as the same text.

    Examples
    --------
    >>> yaml_word("man"), yaml_word("007"), yaml_word("no")
    ('man', '"007"', '"no"')
    """
    try:
        # In a list, so that words with a comma or colon count as ones that need quotes.
        plain = yaml.safe_load(f"[{text}]") == [text]
    except (yaml.YAMLError, *CONSTRUCTION_ERRORS):  # such as "!!bool perhaps", which is no truth value
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _as_text(value: Any) -> Any:
    # YAML 1.1 reads `no`, `on` and `2020-01-01` as other types; guessing the word back may give another one.
    if value is None or isinstance(value, bool | date):
        raise ValueError(f"YAML reads this as {_in_yaml(value)}; put the word in quotes")
    if isinstance(value, int | float):
        return number_text(str(value))
    return clean_label(value) if isinstance(value, str) else value


Value = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int | float)]


Attribute = Annotated[str, AfterValidator(clean_label)]
"""The name of an attribute in the form of the names of columns: it may be copied from a file's header."""


def unique(values: list[Any]) -> list[Any]:
    """The values, if none is there twice."""
    if repeated := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{repeated[0]!r} is there twice")
    return values


def _short(value: str) -> str:
    if not 0 < len(value) <= MOST_WORDS:
        raise ValueError(f"a name has 1 to {MOST_WORDS} characters, this one {len(value):,}")
    return value


Name = Annotated[Value, AfterValidator(_short)]
"""What a class, probe or gate is called; a number in YAML is read as the word."""
