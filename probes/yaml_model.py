"""A base for the YAML models: strict keys, and errors that keep their place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from clipmodel.yamlfile import closest


def misplaced(location: Sequence[int | str], message: str) -> ValidationError:
    """An error at a place below the model being validated; raised in a validator, it keeps that place.

    Parameters
    ----------
    location
        Keys and list positions from the model that is being validated down to the wrong value.
    message
        What is wrong, and where it helps, the closest right value.
    """
    kind = PydanticCustomError("suite", "{reason}", {"reason": message})
    details = InitErrorDetails(type=kind, loc=tuple(location), input=None)
    return ValidationError.from_exception_data("suite", [details])


def check_known(word: str, known: Sequence[str], *, what: str, location: Sequence[int | str]) -> None:
    """Raise an error that suggests the closest right word, unless the word is known."""
    if word not in known:
        raise misplaced(location, f"unknown {what} {word!r}: {closest(word, sorted(known))}")


class StrictModel(BaseModel):
    """Immutable; an unknown key is refused with the key that was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in values:
                check_known(str(key), known, what="key", location=[str(key)])
        return values
