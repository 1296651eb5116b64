"""YAML files into validated models, with errors a user can act on: file, line, key, closest right key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from clipmodel.errors import UserError

ModelT = TypeVar("ModelT", bound=BaseModel)
UNKNOWN_KEY = "unknown_key"


def closest(word: str, known: Sequence[str]) -> str:
    """A remedy that names the closest known word, or all of them."""
    if match := difflib.get_close_matches(word, known, n=1):
        return f"did you mean {match[0]!r}?"
    return f"one of: {', '.join(known)}"


class StrictModel(BaseModel):
    """Immutable; an unknown key is refused with the key that was probably meant."""

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
                type=PydanticCustomError(UNKNOWN_KEY, "unknown key", {"remedy": closest(key, known)}),
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
        The file is missing, is no YAML mapping, or does not fit the model.
    """
    if not path.is_file():
        raise UserError(f"no {what} named or at {str(path)!r}", remedy=closest(str(path), shipped))
    text = path.read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not valid YAML: {reason}", remedy="mend the line") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: a {what} is a mapping of keys to values", remedy="see the shipped examples")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(path, text, error) from error


def _explain(path: Path, text: str, error: ValidationError) -> UserError:
    # An unknown key first: it is the likely cause of a missing one.
    first, *others = sorted(error.errors(), key=lambda item: item["type"] != UNKNOWN_KEY)
    line = _line_of(text, first["loc"])
    where = f"{path}, line {line}" if line else str(path)
    key = "".join(f"{part}." for part in first["loc"]).removesuffix(".")
    message = first["msg"].removeprefix("Value error, ")
    more = f" (and {len(others)} more)" if others else ""
    return UserError(
        f"{where}: {key}: {message}{more}" if key else f"{where}: {message}{more}",
        remedy=first.get("ctx", {}).get("remedy", "correct the value and run again"),
    )


def _line_of(text: str, location: Sequence[int | str]) -> int | None:
    """The line, from 1, of the deepest part of a location that the file holds."""
    node, line = yaml.compose(text), None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if match is None:
                continue  # the name of one form of several, which is no key of the file
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
