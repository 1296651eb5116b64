"""YAML files into validated models, with errors a user can act on: file, line, key, closest right key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from clipmodel.errors import UserError
from clipmodel.yaml_documents import Document, read_document

ModelT = TypeVar("ModelT", bound=BaseModel)
UNKNOWN_KEY = "unknown_key"


def closest(word: str, known: Sequence[str]) -> str:
    """A remedy that names the closest known word, or all of them."""
    if match := difflib.get_close_matches(word, known, n=1):
        return f"did you mean {match[0]!r}?"
    return f"one of: {', '.join(known)}"


class StrictModel(BaseModel):
    """Immutable; an unknown key is refused with the key that was probably meant, or the place it belongs to.

    `elsewhere` says of keys that are often written here where they belong.
    """

    elsewhere: ClassVar[dict[str, str]] = {}
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [str(key) for key in values if key not in known] if isinstance(values, dict) else []
        if not unknown:
            return values
        details = [
            InitErrorDetails(
                type=PydanticCustomError(
                    UNKNOWN_KEY, "unknown key", {"remedy": cls.elsewhere.get(key) or closest(key, known)}
                ),
                loc=(key,),
                input=None,
            )
            for key in unknown
        ]
        raise ValidationError.from_exception_data(cls.__name__, details)


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
    first, *others = sorted(error.errors(), key=lambda item: item["type"] != UNKNOWN_KEY)
    line = document.line_of(first["loc"])
    where = f"{path}, line {line}" if line else str(path)
    key = shortened("".join(f"{part}." for part in first["loc"]).removesuffix("."))
    message = shortened(first["msg"].removeprefix("Value error, "), 600)
    more = f" (and {len(others)} more)" if others else ""
    return UserError(
        f"{where}: {key}: {message}{more}" if key else f"{where}: {message}{more}",
        remedy=first.get("ctx", {}).get("remedy", "correct the value and run again"),
    )
