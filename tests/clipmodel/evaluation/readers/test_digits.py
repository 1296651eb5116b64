from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.open_set import open_set


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def test_digits_are_always_there(tmp_path: Path) -> None:
    found, train = opened("digits", tmp_path), opened("digits", tmp_path, split="train")
    assert (len(found), len(train), len(found.classes)) == (797, 1000, 10)
    with pytest.raises(UserError, match="no split 'validation'"):
        opened("digits", tmp_path, split="validation")
