"""The files in the package that a suite may name: label sets, templates, suites."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel

from clipmodel.yaml_models import read_yaml_model
from probes.suite.label_sets import LabelSet

DATA = Path(__file__).parents[2] / "data"
Kind = Literal["suites", "label_sets", "templates"]
ModelT = TypeVar("ModelT", bound=BaseModel)


def shipped(kind: Kind) -> list[str]:
    """Names of the files in the package."""
    return sorted(path.stem for path in (DATA / kind).glob("*.yaml"))


def read_shipped(kind: Kind, name: str, model: type[ModelT]) -> ModelT:
    """A shipped file by name, or any other by its path.

    Raises
    ------
    UserError
        There is none, or something in it is wrong.
    """
    path = DATA / kind / f"{name}.yaml"
    what = kind.removesuffix("s").replace("_", " ")
    # A shipped name goes before a file of the same name in the working folder.
    return read_yaml_model(path if path.is_file() else Path(name), model, what=what, shipped=shipped(kind))


@cache
def load_label_set(name: str) -> LabelSet:
    """A shipped label set by name."""
    return read_shipped("label_sets", name, LabelSet)
