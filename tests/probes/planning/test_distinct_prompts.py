"""Two classes that are one text to a model are refused before an image is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.planning.distinct_prompts import refuse_equal_prompts


def planned(prompts: dict[str, tuple[str, ...]]) -> Any:
    return SimpleNamespace(probe=SimpleNamespace(name="p"), prompts={("default", "plain"): prompts})


EMBEDDED = {"a": np.array([1.0, 0]), "b": np.array([0, 1.0]), "a b": np.array([1.0, 0])}


def test_equal_embeddings_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="'first' and 'second' are one text to the model"):
        refuse_equal_prompts([planned({"first": ("a",), "other": ("b",), "second": ("a b",)})], EMBEDDED)


def test_classes_that_share_some_prompts_are_told_apart_by_the_others() -> None:
    refuse_equal_prompts([planned({"first": ("a", "b"), "second": ("a b", "a")})], EMBEDDED)
