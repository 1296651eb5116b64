"""Columns that are no groups are named when they are taken for attributes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probes.datasets.checks.attribute_notes import attribute_notes
from probes.datasets.formats.predictions import load_predictions


def notes_of(folder: Path, header: str, row: str, *, n: int = 30) -> tuple[str, ...]:
    """The notes on a file of n rows, in which {i} is the number of the row; not that on its predictions."""
    text = f"path,gender,prediction,{header}\n" + "".join(f"{i},m,man,{row.format(i=i)}\n" for i in range(n))
    (folder / "p.csv").write_text(text)
    return load_predictions(folder / "p.csv").card.notes[1:]


def test_an_identifier_is_named(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "badge", "b{i}") == (
        "The column badge has 30 values in 30 images, like an identifier or a measurement: no groups can be "
        "compared by it.",
    )


def test_few_images_say_nothing_of_identifiers(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "badge", "b{i}", n=10) == ()


@pytest.mark.parametrize(
    "name",
    [
        "correct",
        "is_correct",
        "Confidence",
        "prob",
        "loss",
        "y_score",
        "model conf",
        "entropy",
        "predictions",
        "predicted_label",
        "y_hat",
        "logits",
    ],
)
def test_a_column_of_a_model_is_named(tmp_path: Path, name: str) -> None:
    (note,) = notes_of(tmp_path, name, "1")
    assert note.startswith(f"The column {name} reads like something a model says")


def test_an_ordinary_attribute_needs_no_word(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "race", "A") == ()


def test_an_empty_column_is_named(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "notes", "") == ("The column notes is empty: it divides no images.",)


@pytest.mark.parametrize("name", ["Gender", "GENDER", "gender-"])
def test_two_columns_of_one_plain_name_are_named_once(tmp_path: Path, name: str) -> None:
    assert notes_of(tmp_path, name, "f") == (
        f"The columns gender and {name} differ in capitals, blanks or hyphens only and stay two attributes.",
    )


def test_a_namesake_is_told_of_whichever_is_grouped_by(tmp_path: Path) -> None:
    frame = pd.DataFrame({"skin tone": ["a", "b"], "skin_tone": ["a", "c"], "age": ["1", "2"]})
    for name in ("skin tone", "skin_tone"):
        (note,) = attribute_notes(frame, [name], beside=list(frame))[name]
        assert note.startswith(f"The columns {name} and ")
    assert attribute_notes(frame, ["age"], beside=list(frame)) == {}
