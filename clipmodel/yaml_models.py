"""YAML files into validated models, with errors a user can act on: file, line, key, closest right key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from clipmodel.errors import UserError
from clipmodel.yaml_documents import Document, read_document

ModelT = TypeVar("ModelT", bound=BaseModel)
UNKNOWN_KEY = "unknown_key"
MOST_SHOWN = 20  # mistakes of one file
_WHOLE, _NUMBER = "write a whole number, such as 3", "write a number with a point, such as 0.5"
_BY_KIND = {
    "list_type": "write a list: values in square brackets, or one a line, each after a dash",
    "dict_type": "write keys with values: 'key: value', indented below",
    "string_type": "put the word in quotes",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
}
"""What to do about a value of another type, by pydantic's name of the mistake."""


def closest(word: str, known: Sequence[str]) -> str:
    """A remedy that names the closest known word, or all of them."""
    if match := difflib.get_close_matches(word, known, n=1):
        return f"did you mean {match[0]!r}?"
    return f"one of: {', '.join(known)}" if known else "there is none"


@dataclass(frozen=True)
class Problem:
    """One mistake in a file: keys and list positions down to it, what is wrong, and what to do about it."""

    location: tuple[int | str, ...]
    message: str
    remedy: str = ""
    kind: str = "inconsistent"


def problems_found(problems: Sequence[Problem], *, title: str = "file") -> ValidationError:
    """Return an error with several mistakes, to be raised in a validator: all are told at once."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(
                problem.kind,
                "{message}",
                {"message": problem.message, **({"remedy": problem.remedy} if problem.remedy else {})},
            ),
            loc=problem.location,
            input=None,
        )
        for problem in problems
    ]
    return ValidationError.from_exception_data(title, details)


def _problem(error: ErrorDetails) -> Problem:
    remedy = str(error.get("ctx", {}).get("remedy", ""))
    message = error["msg"].removeprefix("Value error, ")
    return Problem(tuple(error["loc"]), message, remedy=remedy, kind=error["type"])


def _lacks(error: ErrorDetails, keys: Collection[str]) -> bool:
    return error["type"] == "missing" and len(error["loc"]) == 1 and error["loc"][0] in keys


class StrictModel(BaseModel):
    """Immutable; an unknown key is refused with the key that was probably meant, or the place it belongs to.

    `elsewhere` says of keys that are often written here where they belong; `earlier` has the names that keys
    had in earlier versions, which are still read.
    """

    elsewhere: ClassVar[dict[str, str]] = {}
    earlier: ClassVar[dict[str, str]] = {}
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(values, dict):
            # Under both names at once, the earlier one stays unknown.
            today = {old: new for old, new in cls.earlier.items() if new not in values}
            values = {today.get(key, key): value for key, value in values.items()}
        unknown = [str(key) for key in values if key not in known] if isinstance(values, dict) else []
        if not unknown:
            return handler(values)
        remedies = {key: cls.elsewhere.get(key) or closest(key, known) for key in unknown}
        found = [
            Problem((key,), "unknown key", remedy=remedy, kind=UNKNOWN_KEY)
            for key, remedy in remedies.items()
        ]
        # What else is wrong is told at the same time, but not that the key is missing that was misspelt.
        meant = {remedy.split("'")[1] for remedy in remedies.values() if remedy.startswith("did you mean '")}
        try:
            handler({key: value for key, value in values.items() if key in known})
        except ValidationError as error:
            rest = [_problem(one) for one in error.errors() if not _lacks(one, meant)]
        else:
            rest = []
        raise problems_found([*found, *rest], title=cls.__name__)


def read_yaml_model(path: Path, model: type[ModelT], *, what: str, shipped: Sequence[str] = ()) -> ModelT:
    """Read and validate one file.

    Parameters
    ----------
    path
        The YAML file.
    model
        Built on `StrictModel`.
    what
        The kind of file, for messages.
    shipped
        Names a user might have meant instead of a path.

    Raises
    ------
    UserError
        The file is missing, is no YAML mapping (see `yaml_documents.read_document`), or does not fit the
        model.
    """
    if not is_file(path):
        raise UserError(f"no {what} named or at {shortened(path)!r}", remedy=closest(str(path), shipped))
    document = read_document(path)
    if not isinstance(document.values, dict):
        raise UserError(f"{path}: a {what} is a mapping of keys to values", remedy="see the shipped examples")
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        raise _explain(path, document, error) from error
    except RecursionError as error:
        raise UserError(f"{path}: nested too deeply", remedy="write it flatter") from error


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that no file can have (too long, a zero byte) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def shortened(text: object, most: int = 120) -> str:
    """A text for a message: its beginning and end where it is longer than `most` characters."""
    words = str(text)
    half = most // 2 - 2
    return words if len(words) <= most else f"{words[:half]}...{words[-half:]}"


def _explain(path: Path, document: Document, error: ValidationError) -> UserError:
    # An unknown key first: it is the likely cause of a missing one.
    found = [_problem(one) for one in sorted(error.errors(), key=lambda item: item["type"] != UNKNOWN_KEY)]
    if len(found) == 1:
        remedy = found[0].remedy or _BY_KIND.get(found[0].kind) or "correct the value and run again"
        return UserError(_told(path, document, found[0]), remedy=remedy)
    lines = [
        _told(path, document, one) + (f" ({one.remedy})" if one.remedy else "") for one in found[:MOST_SHOWN]
    ]
    if len(found) > MOST_SHOWN:
        lines.append(f"and {len(found) - MOST_SHOWN} more")
    return UserError("\n".join(lines), remedy=f"correct these {len(found)} places and run again")


def _told(path: Path, document: Document, problem: Problem) -> str:
    line = document.line_of(problem.location)
    where = f"{path}, line {line}" if line else str(path)
    key = shortened("".join(f"{part}." for part in problem.location).removesuffix("."))
    message = shortened(problem.message, 600)
    return f"{where}: {key}: {message}" if key else f"{where}: {message}"
