from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.embeddings import load_embeddings
from probes.datasets.formats.table import TableDataset
from probes.planning.prompts import AS_GIVEN, class_prompts, ensemble, texts_of, vectors, word_prompts
from tests.probes.measures.colours import COLUMNS, PEOPLE, suite_of


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


def test_an_ensemble_is_the_renormalised_mean() -> None:
    """The mean of (1, 0) and (0, 1) is (1/2, 1/2); of length 1 it is (0.7071..., 0.7071...)."""
    np.testing.assert_allclose(
        ensemble([np.array([1.0, 0.0]), np.array([0.0, 1.0])]), [2**-0.5] * 2, rtol=1e-6
    )


def test_the_mean_of_several_texts_stands_for_a_class_and_one_stays_as_it_is() -> None:
    embedded = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0]), "c": np.array([0.6, 0.8])}
    found = vectors({"one": ("a", "b"), "other": ("c",)}, embedded)
    np.testing.assert_allclose(found, [[2**-0.5, 2**-0.5], [0.6, 0.8]], rtol=1e-6)
    assert found.dtype == np.float32
    assert texts_of({"t": {"one": ("a", "b")}, "u": {"one": ("a",), "two": ("c",)}}) == {"a", "b", "c"}


def test_classes_are_rendered_under_each_template_sorted_by_name(data: TableDataset) -> None:
    suite = suite_of(kind="group_accuracy", label_set="colours", truth="colour")
    found = class_prompts(suite.probes[0], suite, data)
    assert {name: list(shown) for name, shown in found.items()} == {"plain": ["blue", "green", "red"]}
    assert found["plain"]["red"] == ("a red",)


def test_a_word_of_two_groups_is_rendered_once(data: TableDataset) -> None:
    words = {"warm": ["red"], "mixed": ["red", "green"]}
    suite = suite_of(kind="association", words=words, groups=[["gender"]])
    assert list(word_prompts(suite.probes[0], suite, data)["plain"]) == ["red", "green"]


def test_a_file_of_embeddings_is_asked_for_what_it_has(tmp_path: Path) -> None:
    vectors_of_file = np.eye(3, dtype=np.float32)
    np.savez(tmp_path / "e.npz", image=vectors_of_file, gender=["w", "m", "m"],
             colour=["red", "red", "green"], text=vectors_of_file[:2],
             text_name=np.array(["red", "green"]))  # fmt: skip
    file = load_embeddings(tmp_path / "e.npz")
    suite = suite_of(kind="association", words={"w": ["red", "blue"]}, groups=[["gender"]])
    assert word_prompts(suite.probes[0], suite, file) == {AS_GIVEN: {"red": ("red",)}}
    classes = suite_of(kind="group_accuracy", label_set="colours", truth="colour")
    with pytest.raises(UserError, match="no text for the class 'blue'"):
        class_prompts(classes.probes[0], classes, file)
