"""Errors in a YAML file that keep their place in it, raised by the validators of the schema."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from clipmodel.yaml_models import closest


def misplaced(location: Sequence[int | str], message: str, *, remedy: str) -> ValidationError:
    """An error below the model that is being validated; raised in its validator, it keeps its place.

    Parameters
    ----------
    location
        Keys and list positions from that model down to the wrong value.
    message
        What is wrong.
    remedy
        What to do about it.
    """
    # A ValueError would lose `location`: pydantic places it at the model, not at the value in it.
    kind = PydanticCustomError("misplaced", "{message}", {"message": message, "remedy": remedy})
    details = InitErrorDetails(type=kind, loc=tuple(location), input=None)
    return ValidationError.from_exception_data("suite", [details])


def moved(error: ValidationError, place: Sequence[int | str]) -> ValidationError:
    """The first of some errors, with the way down to the model that raised it in front of its place."""
    first = error.errors()[0]
    remedy = first.get("ctx", {}).get("remedy", "correct the value")
    return misplaced([*place, *first["loc"]], first["msg"], remedy=remedy)


def check_known(word: str, known: Sequence[str], *, what: str, location: Sequence[int | str]) -> None:
    """Raise an error that suggests the closest known word, unless the word is known."""
    if word not in known:
        raise misplaced(location, f"unknown {what} {word!r}", remedy=closest(word, sorted(known)))
