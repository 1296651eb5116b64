"""YAML files into validated models, with errors a user can act on: file, line, key, closest right key."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from clipmodel.errors import UserError

ModelT = TypeVar("ModelT", bound=BaseModel)


def closest(word: str, known: Sequence[str]) -> str:
    """A remedy that names the closest known word, or all of them."""
    if match := difflib.get_close_matches(word, known, n=1):
        return f"did you mean {match[0]!r}?"
    return f"one of: {', '.join(known)}"


def read_yaml_model(path: Path, model: type[ModelT], *, what: str, shipped: Sequence[str] = ()) -> ModelT:
    """Read and validate one file.

    Parameters
    ----------
    path
        The YAML file.
    model
        A pydantic model that forbids extra keys.
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
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}", remedy="mend the line") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: a {what} is a mapping of keys to values", remedy="see the shipped examples")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(path, text, model, error) from error


def _explain(path: Path, text: str, model: type[BaseModel], error: ValidationError) -> UserError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    line = _line_of(text, first["loc"])
    where = f"{path}, line {line}" if line else str(path)
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        return UserError(f"{where}: unknown key {'.'.join(location)!r}", remedy=closest(location[-1], known))
    message = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    key = f"{'.'.join(location)}: " if location else ""
    return UserError(f"{where}: {key}{message}{more}", remedy="correct the value and run again")


def _keys_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The keys that the model at a location accepts; empty where it is no model."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = current.model_fields[str(part)].annotation if str(part) in current.model_fields else None
        models = [arg for arg in _flatten(current) if isinstance(arg, type) and issubclass(arg, BaseModel)]
        current = models[0] if models else current
    return sorted(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _flatten(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    return [annotation] if not arguments else [leaf for argument in arguments for leaf in _flatten(argument)]


def _line_of(text: str, location: Sequence[int | str]) -> int | None:
    """The line, from 1, of the deepest part of a location that the file holds."""
    node, line = yaml.compose(text), None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if match is None:
                break
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
